"""/id-tokens: who may charge."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from csms_db import outbox
from csms_db.engine import Database, WriteSession
from csms_runtime.clock import utcnow
from csms_runtime.http import CurrentPrincipal, Page, PageParams, Problem, demand, paginate, require
from csms_runtime.http.fields import UtcMoment
from csms_runtime.http.pages import PageRequest, moment_of
from csms_runtime.http.problems import FieldError, invalid_request
from csms_runtime.money import MOST, Money
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Depends, Path, Query, Response, Security, status

from csms_auth import domain_events
from csms_auth.domain.key_codes import KeyCodes
from csms_auth.domain.placement import ANYWHERE
from csms_auth.domain.tokens import KEY_CODE, TOKEN_TYPES, Token, TokenRef, TokenStatus
from csms_auth.http import tariffs
from csms_auth.http.fields import GroupId, TokenType
from csms_auth.http.token_models import TokenBody, TokenItem, TopUp
from csms_auth.store import id_tokens, tables
from csms_auth.store.id_tokens import Filter, StoredToken

_SPELLINGS = {name.casefold(): name for name in TOKEN_TYPES}


async def token_ref(
    token_type: Annotated[str, Path(alias="type", min_length=1, max_length=20, description="OCPP's IdTokenEnumType")],
    id_token: Annotated[str, Path(min_length=1, max_length=255, description="The id; case does not matter")],
) -> TokenRef:
    """Return the token a path names. Raises Problem 422."""
    spelling = _SPELLINGS.get(token_type.casefold(), token_type)
    if spelling != token_type:
        raise invalid_request([FieldError("/type", f"this type is spelled {spelling}", "path")])
    return TokenRef(token_type, id_token)


Ref = Annotated[TokenRef, Depends(token_ref)]


class IdTokens:
    """The handlers of the ID token resources."""

    def __init__(self, database: Database, key_codes: KeyCodes, wake_outbox: Callable[[], None]) -> None:
        """`wake_outbox` is called after events were stored."""
        self._database = database
        self._key_codes = key_codes
        self._wake_outbox = wake_outbox

    def router(self) -> APIRouter:
        """Return the routes, below /api/v1."""
        router = APIRouter(tags=["ID tokens"])
        read, operate = [Security(require("read"))], [Security(require("operate"))]
        one = "/id-tokens/{type}/{id_token:path}"
        router.add_api_route("/id-tokens", self.list_id_tokens, methods=["GET"], dependencies=read)
        router.add_api_route(one, self.get_id_token, methods=["GET"], dependencies=read)
        router.add_api_route(
            one, self.put_id_token, methods=["PUT"], dependencies=operate, responses={201: {"model": TokenItem}}
        )
        router.add_api_route(one, self.delete_id_token, methods=["DELETE"], dependencies=operate, status_code=204)
        router.add_api_route(f"{one}/credit", self.add_credit, methods=["POST"], dependencies=operate)
        return router

    async def put_id_token(self, ref: Ref, body: TokenBody, response: Response) -> TokenItem:
        """Create or change a token. Omitted fields keep their value; creating one needs a status (201)."""
        if ref.type == KEY_CODE and body.credit is not None:
            raise invalid_request([FieldError("/credit", "a KeyCode can't be a prepaid token")])
        async with self._database.transaction() as session:
            ref = await self._current(session, ref)
            old = await id_tokens.get(session, ref, for_update=True)
            if body.tariff is not None:
                tariffs.check(body.tariff, old and old.token.tariff)
            stored = await self._create(session, ref, body) if old is None else await self._change(session, old, body)
        self._wake_outbox()
        if old is None:
            response.status_code = status.HTTP_201_CREATED
        return TokenItem.of(stored)

    async def get_id_token(self, ref: Ref, principal: CurrentPrincipal) -> TokenItem:
        """Return a token. Whether a key code is valid is told to scope admin alone: others could try all of them."""
        if ref.type == KEY_CODE:
            demand(principal, "admin")
        async with self._database.reading() as session:
            for each in self._key_codes.readings(ref):
                stored = await id_tokens.get(session, each)
                if stored is not None:
                    return TokenItem.of(stored)
        raise _not_found()

    async def delete_id_token(self, ref: Ref) -> None:
        """Delete a token: stations are told Unknown from now on."""
        async with self._database.transaction() as session:
            ref = await self._current(session, ref)
            removed = await id_tokens.remove(session, ref)
            if removed is None:
                raise _not_found()
            await outbox.add(session, tables.outbox, [domain_events.id_token_changed(removed.token, deleted=True)])
        self._wake_outbox()

    async def add_credit(self, ref: Ref, body: TopUp) -> TokenItem:
        """Add to a prepaid balance, whatever is spent of it meanwhile. A token without one becomes a prepaid one."""
        if ref.type == KEY_CODE:
            raise invalid_request([FieldError("/type", "a KeyCode can't be a prepaid token", "path")])
        async with self._database.transaction() as session:
            old = await id_tokens.get(session, ref, for_update=True)
            if old is None:
                raise _not_found()
            credit = _topped_up(old.token.credit, body)
            stored = await id_tokens.change(session, old, replace(old.token, credit=credit), utcnow())
        return TokenItem.of(stored)

    async def list_id_tokens(
        self,
        page: PageParams,
        *,
        token_type: Annotated[TokenType | None, Query(alias="type")] = None,
        token_status: Annotated[TokenStatus | None, Query(alias="status", description="The stored decision")] = None,
        group_id: Annotated[GroupId | None, Query()] = None,
        q: Annotated[
            str | None,
            Query(min_length=1, max_length=255, pattern=NO_NUL, description="How the id begins, in any case"),
        ] = None,
        expires_since: Annotated[UtcMoment | None, Query(description="It ends then or later")] = None,
        expires_until: Annotated[UtcMoment | None, Query(description="It ends before")] = None,
    ) -> Page[TokenItem]:
        """Return tokens in the order of their ids; with a range of their end, in the order of that."""
        wanted = Filter(token_type, token_status, group_id, q, expires_since, expires_until)
        async with self._database.reading() as session:
            rows = await id_tokens.page(session, wanted, limit=page.limit + 1, after=_after(page, wanted))
        return paginate(rows, page.limit, position=partial(_position, wanted), item=TokenItem.of)

    async def _current(self, session: WriteSession, ref: TokenRef) -> TokenRef:
        """Return the form in which the token is stored. A key code that is stored under a former key is renewed."""
        current, *others = self._key_codes.readings(ref)
        renewed = dict.fromkeys((other.key for other in others), current.key)
        await id_tokens.renew_key_codes(session, renewed, self._key_codes.secret_key_id)
        return current

    async def _create(self, session: WriteSession, ref: TokenRef, body: TokenBody) -> StoredToken:
        if "status" not in body.given:
            raise invalid_request([FieldError("/status", "required when a token is created")])
        key_id = self._key_codes.secret_key_id if ref.type == KEY_CODE else None
        token = Token(ref, **body.given, limits=body.limits(ANYWHERE))
        stored = await id_tokens.add(session, token, utcnow(), secret_key_id=key_id)
        await outbox.add(session, tables.outbox, [domain_events.id_token_changed(stored.token)])
        return stored

    async def _change(self, session: WriteSession, old: StoredToken, body: TokenBody) -> StoredToken:
        token = replace(old.token, **body.given, limits=body.limits(old.token.limits))
        if token == old.token:
            return old
        stored = await id_tokens.change(session, old, token, utcnow())
        await outbox.add(session, tables.outbox, [domain_events.id_token_changed(stored.token)])
        return stored


def _topped_up(credit: Money | None, body: TopUp) -> Money:
    if credit is None:
        return Money(body.add, body.currency)
    if credit.currency != body.currency:
        raise invalid_request([FieldError("/currency", f"the balance is in {credit.currency}")])
    if credit.amount + body.add > MOST:
        raise invalid_request([FieldError("/add", "no balance may be as large as that")])
    return Money(credit.amount + body.add, credit.currency)


def _position(wanted: Filter, stored: StoredToken) -> list[Any]:
    ref = stored.token.ref
    return [stored.token.expires_at, ref.key, ref.type] if wanted.by_end else [ref.key, ref.type]


def _after(page: PageRequest, wanted: Filter) -> tuple[str, str] | tuple[datetime, str, str] | None:
    position = page.after(*(str for _ in range(3 if wanted.by_end else 2)))
    if position is None:
        return None
    *ends, key, token_type = position
    return (moment_of(ends[0]), key, token_type) if ends else (key, token_type)


def _not_found() -> Problem:
    return Problem(404, "Token not found", "there is no token of this type and id")
