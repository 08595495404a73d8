"""Reads and writes ID tokens."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from csms_db.base import UtcDateTime
from csms_db.engine import WriteSession
from csms_db.sql import apart, begins_with, insert, lock_order
from csms_runtime.clock import from_ms, to_ms
from csms_runtime.money import Money, from_units, to_units
from sqlalchemy import ColumnElement, Row, Select, Text, delete, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.domain.key_codes import KeyCodes, is_hidden
from csms_auth.domain.placement import Limits
from csms_auth.domain.tokens import KEY_CODE, Token, TokenRef, TokenStatus
from csms_auth.store.chunks import chunks
from csms_auth.store.tables import id_tokens


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token with the times of its row."""

    token: Token
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tokens to list; None: any."""

    type: str | None = None
    status: TokenStatus | None = None
    group_id: str | None = None
    prefix: str | None = None
    """How the id begins, in any case."""
    expires_since: datetime | None = None
    expires_until: datetime | None = None

    @property
    def by_end(self) -> bool:
        """Whether a range of the time is wanted at which tokens end: they are listed in the order of that."""
        return self.expires_since is not None or self.expires_until is not None


Place = tuple[str, str]
"""The case-folded id and the type of the last token of a page."""


async def load(session: AsyncSession, keys: Collection[str]) -> dict[str, list[Token]]:
    """Return the tokens stored under these case-folded ids, of any type; one statement per 1,000 ids."""
    found: dict[str, list[Token]] = {}
    for some in chunks(list(keys)):
        rows = await session.execute(select(id_tokens).where(id_tokens.c.id_key.in_(some)))
        for row in rows:
            found.setdefault(row.id_key, []).append(_token(row))
    return found


async def get(session: AsyncSession, ref: TokenRef, *, for_update: bool = False) -> StoredToken | None:
    """Return one token, or None. `for_update` locks its row until the transaction ends."""
    query = _one(ref)
    row = (await session.execute(query.with_for_update() if for_update else query)).first()
    return None if row is None else _stored(row)


async def add(session: WriteSession, token: Token, now: datetime, *, secret_key_id: str | None = None) -> StoredToken:
    """Store a token that was not there a moment ago; if it is by now, this state wins.

    `secret_key_id`: of a key code, which key its digest was made with.
    """
    key = {"id_key": token.ref.key, "type": token.ref.type, "id_token": token.ref.id_token}
    state = {**_values(_prepaid_since(token, now)), "updated_at": now, "secret_key_id": secret_key_id}
    statement = insert(session, id_tokens).values(**key, **state, created_at=now)
    statement = statement.on_conflict_do_update(index_elements=[id_tokens.c.id_key, id_tokens.c.type], set_=state)
    return _stored((await session.execute(statement.returning(*id_tokens.c))).one())


async def change(session: WriteSession, old: StoredToken, token: Token, now: datetime) -> StoredToken:
    """Write another state of a token that is stored; its spelling stays the first one."""
    if old.token.credit is None or token.credit is None:
        token = _prepaid_since(token, now)
    await session.execute(update(id_tokens).where(*_is(token.ref)).values(**_values(token), updated_at=now))
    return StoredToken(token, created_at=old.created_at, updated_at=now)


async def remove(session: WriteSession, ref: TokenRef) -> StoredToken | None:
    """Delete a token and return what it was, or None when it is not stored."""
    row = (await session.execute(delete(id_tokens).where(*_is(ref)).returning(*id_tokens.c))).first()
    return None if row is None else _stored(row)


async def hide_key_codes(session: WriteSession, key_codes: KeyCodes) -> int:
    """Put digests in the place of key codes that an earlier version stored in the clear; return how many there were.

    Of a code that is stored in both ways the clear one counts: the earlier version ran again, and was told it anew.
    """
    rows = await session.execute(select(id_tokens).where(id_tokens.c.type == KEY_CODE).with_for_update())
    plain = [ref for row in rows if not is_hidden(ref := TokenRef(row.type, row.id_token))]
    for ref in plain:
        digest = key_codes.hidden(ref).id_token
        await session.execute(delete(id_tokens).where(*_is(TokenRef(KEY_CODE, digest))))
        renamed = {"id_key": digest, "id_token": digest, "secret_key_id": key_codes.secret_key_id}
        await session.execute(update(id_tokens).where(*_is(ref)).values(renamed))
    return len(plain)


async def renew_key_codes(session: WriteSession, renewed: Mapping[str, str], key_id: str) -> None:
    """Store key codes under the current key: `renewed` has the new digest by the stored one."""
    there = id_tokens.alias()
    for old, new in sorted(renewed.items()):
        exists = select(there.c.id_key).where(there.c.id_key == new, there.c.type == KEY_CODE).exists()
        changed = {"id_key": new, "id_token": new, "secret_key_id": key_id}
        await session.execute(update(id_tokens).where(*_is(TokenRef(KEY_CODE, old)), ~exists).values(changed))


async def count_other_keys(session: AsyncSession, key_id: str) -> int:
    """Count the key codes whose digest is not known to be of this key."""
    other = func.coalesce(id_tokens.c.secret_key_id, "") != key_id
    query = select(func.count()).select_from(id_tokens).where(id_tokens.c.type == KEY_CODE, other)
    return await session.scalar(query) or 0


async def page(
    session: AsyncSession, wanted: Filter, *, limit: int, after: Place | tuple[datetime, str, str] | None
) -> Sequence[StoredToken]:
    """Return up to `limit` tokens in the order of (case-folded id, type), those behind `after`.

    Where a range of their end is wanted, in the order of that.
    """
    given = {"type": wanted.type, "status": wanted.status, "group_id": wanted.group_id}
    conditions = [id_tokens.c[name] == value for name, value in given.items() if value is not None]
    # Of a filtered list, an order that leads to the filters' indexes.
    key: list[ColumnElement[Any]] = [apart(id_tokens.c.id_key) if conditions else id_tokens.c.id_key, id_tokens.c.type]
    if wanted.by_end:
        key = [id_tokens.c.expires_at, id_tokens.c.id_key, id_tokens.c.type]
        conditions.append(id_tokens.c.expires_at >= (wanted.expires_since or _FIRST))
    if wanted.expires_until is not None:
        conditions.append(id_tokens.c.expires_at < wanted.expires_until)
    if wanted.prefix is not None:
        conditions.append(begins_with(id_tokens.c.id_key, wanted.prefix.casefold()))
    if after is not None:
        conditions.append(tuple_(*key) > tuple_(*map(_literal, after)))
    query = select(id_tokens).where(*conditions).order_by(*key).limit(limit)
    return [_stored(row) for row in await session.execute(query)]


_FIRST = from_ms(0)


def _literal(value: object) -> ColumnElement[Any]:
    return literal(value, UtcDateTime() if isinstance(value, datetime) else Text())


async def load_to_change(session: WriteSession, refs: Collection[TokenRef]) -> dict[tuple[str, str], Token]:
    """Return the tokens that are stored among these, by case-folded id and type, locked until the transaction ends."""
    key = tuple_(id_tokens.c.id_key, id_tokens.c.type)
    query = select(id_tokens).where(key.in_([(ref.key, ref.type) for ref in refs]))
    query = query.order_by(*lock_order(id_tokens.c.id_key, id_tokens.c.type)).with_for_update()
    return {(row.id_key, row.type): _token(row) for row in await session.execute(query)}


async def put(session: WriteSession, tokens: Collection[Token], now: datetime) -> None:
    """Store tokens as they are given, each once, and none of them a key code. What is there of them gives way."""
    statement = insert(session, id_tokens)
    changed = {name: statement.excluded[name] for name in (*_values(next(iter(tokens))), "updated_at")}
    statement = statement.on_conflict_do_update(index_elements=[id_tokens.c.id_key, id_tokens.c.type], set_=changed)
    in_order = sorted(tokens, key=lambda token: (token.ref.key, token.ref.type))
    rows = [
        {"id_key": token.ref.key, "type": token.ref.type, "id_token": token.ref.id_token, **_values(token)}
        | {"created_at": now, "updated_at": now}
        for token in in_order
    ]
    await session.execute(statement, rows)


def _prepaid_since(token: Token, now: datetime) -> Token:
    return replace(token, credit_since=None if token.credit is None else from_ms(to_ms(now)))


def _one(ref: TokenRef) -> Select[Any]:
    return select(id_tokens).where(*_is(ref))


def _is(ref: TokenRef) -> tuple[Any, Any]:
    return id_tokens.c.id_key == ref.key, id_tokens.c.type == ref.type


def _values(token: Token) -> Mapping[str, Any]:
    return {
        "status": token.status,
        "group_id": token.group_id,
        "expires_at": token.expires_at,
        "language1": token.language1,
        "personal_message": token.personal_message,
        **_places(token),
        "concurrent_tx_limit": token.concurrent_tx_limit,
        "charging_priority": token.charging_priority,
        "tariff": token.tariff,
        "credit": None if token.credit is None else to_units(token.credit.amount),
        "credit_currency": None if token.credit is None else token.credit.currency,
        "credit_since": token.credit_since,
    }


def _places(token: Token) -> Mapping[str, Any]:
    """Return the columns that say where a token may be used."""
    evse_ids, limits = None if token.evse_ids is None else list(token.evse_ids), token.limits
    if not limits:
        return {"evse_ids": evse_ids, "limits": None}
    site_ids = None if limits.site_ids is None else list(limits.site_ids)
    labels = None if limits.labels is None else dict(limits.labels)
    return {"evse_ids": [], "limits": {"site_ids": site_ids, "labels": labels, "evse_ids": evse_ids}}


def _stored(row: Row[Any]) -> StoredToken:
    return StoredToken(_token(row), created_at=row.created_at, updated_at=row.updated_at)


def _token(row: Row[Any]) -> Token:
    limits, evse_ids = row.limits or {}, row.evse_ids
    if limits and evse_ids == []:  # else an earlier version wrote it
        evse_ids = limits["evse_ids"]
    return Token(
        ref=TokenRef(row.type, row.id_token),
        status=TokenStatus(row.status),
        group_id=row.group_id,
        expires_at=row.expires_at,
        language1=row.language1,
        personal_message=row.personal_message,
        evse_ids=evse_ids,
        limits=Limits(limits.get("site_ids"), limits.get("labels")),
        concurrent_tx_limit=row.concurrent_tx_limit,
        charging_priority=row.charging_priority,
        tariff=row.tariff,
        credit=None if row.credit is None else Money(from_units(row.credit), row.credit_currency),
        credit_since=row.credit_since,
    )
