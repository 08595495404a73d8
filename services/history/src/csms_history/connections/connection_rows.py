"""Rows of `connections`: what is told of one comes in two events, in any order, and often."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.base import UtcDateTime
from csms_db.bounded import Bounded
from csms_db.engine import WriteSession
from csms_db.sql import apart, insert
from sqlalchemy import ColumnElement, bindparam, case, delete, func, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import connections

ROW_BYTES = 400
"""About so many bytes a row and its indexes take."""
_STEP_ROWS = 500
_COLUMNS = connections.c
_KEY = (_COLUMNS.station_key, _COLUMNS.connection_id)
_OPENED = ("protocol", "security_profile", "remote_address", "gateway_slot", "gateway_epoch")
_CLOSED = ("closed_at", "close_code", "close_reason")
Row = dict[str, Any]


def merged(one: Row, other: Row) -> Row:
    """Return what two rows say of the same connection, whichever was told first."""
    ends = [row for row in (one, other) if row["closed_at"] is not None]
    end = min(ends, key=lambda row: (row["closed_at"], row["close_reason"] or ""), default=one)
    return {
        **one,
        "begun_at": min(one["begun_at"], other["begun_at"]),
        **{name: other[name] if one[name] is None else one[name] for name in _OPENED},
        **{name: end[name] for name in _CLOSED},
    }


async def add(session: WriteSession, rows: Iterable[Row]) -> list[str]:
    """Store connections, each of them once; return the station's key of each that was not known."""
    unique: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = row["station_key"], row["connection_id"]
        unique[key] = merged(unique[key], row) if key in unique else row
    if not unique:
        return []
    statement = insert(session, connections).on_conflict_do_nothing(index_elements=list(_KEY))
    ordered = [unique[key] for key in sorted(unique)]
    added = {(key, name) for key, name in await session.execute(statement.returning(*_KEY), ordered)}
    known = [{f"new_{name}": value for name, value in row.items()} for key, row in unique.items() if key not in added]
    if known:
        await (await session.connection()).execute(_MERGE, sorted(known, key=lambda row: row["new_connection_id"]))
    return [key for key, _ in added]


def _new(name: str) -> ColumnElement[Any]:
    return bindparam(f"new_{name}", type_=_COLUMNS[name].type)


_ENDS_BEFORE = (_new("closed_at").is_not(None)) & or_(
    _COLUMNS.closed_at.is_(None), _new("closed_at") < _COLUMNS.closed_at
)
_MERGE = (
    update(connections)
    .where(_COLUMNS.station_key == _new("station_key"), _COLUMNS.connection_id == _new("connection_id"))
    .values(
        begun_at=case((_new("begun_at") < _COLUMNS.begun_at, _new("begun_at")), else_=_COLUMNS.begun_at),
        **{name: func.coalesce(_COLUMNS[name], _new(name)) for name in _OPENED},
        **{name: case((_ENDS_BEFORE, _new(name)), else_=_COLUMNS[name]) for name in _CLOSED},
    )
)
"""`merged` in SQL. Of two ends of one moment the stored one counts: they are the same end."""


async def page(
    session: AsyncSession,
    station_key: str,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    most_bytes: int,
    after: tuple[datetime, str] | None,
) -> Bounded:
    """Return up to `limit` connections of a station, the newest first, those behind `after`.

    `since`: those that were open then or later; `until`: those that began before.
    """
    query = select(connections).where(_COLUMNS.station_key == station_key)
    if since is not None:
        query = query.where(or_(_COLUMNS.closed_at.is_(None), _COLUMNS.closed_at >= since))
    if until is not None:
        query = query.where(_COLUMNS.begun_at < until)
    if after is not None:
        moment, name = after
        seen = tuple_(literal(moment, UtcDateTime()), literal(name))
        query = query.where(tuple_(_COLUMNS.begun_at, _COLUMNS.connection_id) < seen)
    query = query.order_by(_COLUMNS.begun_at.desc(), _COLUMNS.connection_id.desc())
    size: ColumnElement[int] = literal(ROW_BYTES)
    return await bounded.read(session, query, size, limit=limit, most_bytes=most_bytes, mappings=True)


async def of_period(session: AsyncSession, station_key: str, since: datetime, until: datetime) -> Sequence[Any]:
    """Return the connections that began in a period, and some that began last before it, as many as may overlap."""
    mine = select(connections).where(_COLUMNS.station_key == station_key)
    within = mine.where(_COLUMNS.begun_at >= since, _COLUMNS.begun_at < until)
    before = mine.where(_COLUMNS.begun_at < since).order_by(_COLUMNS.begun_at.desc()).limit(_OVERLAPPING)
    return [*(await session.execute(within)).mappings(), *(await session.execute(before)).mappings()]


_OVERLAPPING = 20


async def delete_oldest(session: WriteSession, station_key: str, count: int) -> list[Row]:
    """Delete a station's oldest connections that are over, up to so many or a step's rows; return them."""
    oldest = (
        select(*_KEY)
        .where(_COLUMNS.station_key == station_key, _COLUMNS.closed_at.is_not(None))
        .order_by(_COLUMNS.begun_at)
        .limit(min(count, _STEP_ROWS))
        .with_for_update(skip_locked=True)
    )
    return await _delete(session, [tuple(key) for key in await session.execute(oldest)])


async def delete_old(session: WriteSession, before: datetime, limit: int) -> list[Row]:
    """Delete up to `limit` connections that were over before that moment; return them."""
    moment = apart(_COLUMNS.closed_at)  # as in the index
    old = (
        select(*_KEY)
        .where(moment < apart(literal(before, UtcDateTime())))
        .order_by(moment)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return await _delete(session, [tuple(key) for key in await session.execute(old)])


async def _delete(session: WriteSession, keys: Sequence[tuple[Any, ...]]) -> list[Row]:
    if not keys:
        return []
    gone = delete(connections).where(tuple_(*_KEY).in_(keys)).returning(_COLUMNS.station_key, _COLUMNS.closed_at)
    return [dict(row) for row in (await session.execute(gone)).mappings()]
