"""/id-tokens: who may charge."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from csms_db import outbox
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.http import Page, Problem, decode_cursor, encode_cursor, require
from fastapi import APIRouter, Depends, Path, Query, Response, status
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth import events
from csms_auth.domain.tokens import TOKEN_TYPES, Token, TokenRef, TokenStatus
from csms_auth.http.token_models import TokenBody, TokenItem
from csms_auth.store import id_tokens, tables
from csms_auth.store.id_tokens import Filter, StoredToken

_SPELLINGS = {name.casefold(): name for name in TOKEN_TYPES}


def token_ref(
    token_type: Annotated[str, Path(alias="type", min_length=1, max_length=20, description="OCPP's IdTokenEnumType")],
    id_token: Annotated[str, Path(min_length=1, max_length=255, description="The id; case does not matter")],
) -> TokenRef:
    """Return the token a path names. Raises Problem 422."""
    if "\0" in token_type + id_token:
        raise Problem(422, "Invalid path", "a NUL character is not allowed")
    spelling = _SPELLINGS.get(token_type.casefold(), token_type)
    if spelling != token_type:
        raise Problem(422, "Invalid path", f"the token type is spelled {spelling}")
    return TokenRef(token_type, id_token)


class IdTokens:
    """The handlers of the ID token resources."""

    def __init__(self, database: Database, wake_outbox: Callable[[], None]) -> None:
        """`wake_outbox` is called after events were stored."""
        self._database = database
        self._wake_outbox = wake_outbox
