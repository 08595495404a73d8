"""Rows of `timeline_entries`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.base import UtcDateTime
from csms_db.bounded import Bounded
from csms_db.engine import WriteSession
from csms_db.sql import apart, insert
from sqlalchemy import ColumnElement, delete, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import IS_FAULT, timeline_entries
from csms_history.timeline.facts import Kind

ROW_BYTES = 350
"""About so many bytes a row and its indexes take beside the detail."""
_STEP_ROWS = 500
"""At most so many rows are deleted at a time; who needs more gets it with the next entry."""
_COLUMNS = timeline_entries.c
_KEY = (_COLUMNS.station_key, _COLUMNS.occurred_at, _COLUMNS.entry_id)
_LEFT = (*_KEY, *(_COLUMNS[name] for name in ("kind", "type", "evse_id", "connector_id", "status", "size")))
"""What is told of entries that are deleted."""
Position = tuple[datetime, str]
"""Time and id of an entry."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries of a station; None: any."""

    station_key: str
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""
    kinds: Collection[Kind] | None = None
    without: Collection[Kind] = ()
    evse_id: int | None = None
    """0: the station itself."""
    connector_id: int | None = None
    """0: the EVSE itself."""


async def add(session: WriteSession, rows: Sequence[Row]) -> list[tuple[str, str, int]]:
    """Store entries; those that are stored stay. Return station key, kind and size of each that was added."""
    unique: dict[Any, Row] = {}
    for row in rows:
        unique.setdefault((row["station_key"], row["occurred_at"], row["entry_id"]), row)
    statement = insert(session, timeline_entries).on_conflict_do_nothing(index_elements=list(_KEY))
    told = (_COLUMNS.station_key, _COLUMNS.kind, _COLUMNS.size)
    added = await session.execute(statement.returning(*told), list(unique.values()))
    return [(key, kind, size) for key, kind, size in added]


async def page(
    session: AsyncSession, wanted: Wanted, *, limit: int, most_bytes: int, after: Position | None
) -> Bounded:
    """Return up to `limit` entries, the newest first, those behind `after`; together of `most_bytes` at most."""
    query = select(timeline_entries).where(_COLUMNS.station_key == wanted.station_key, *_conditions(wanted))
    if after is not None:
        moment, entry_id = after
        seen = tuple_(literal(moment, UtcDateTime()), literal(entry_id))
        query = query.where(tuple_(_COLUMNS.occurred_at, _COLUMNS.entry_id) < seen)
    query = query.order_by(_COLUMNS.occurred_at.desc(), _COLUMNS.entry_id.desc())
    return await bounded.read(session, query, _COLUMNS.size, limit=limit, most_bytes=most_bytes, mappings=True)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.kinds is not None:
        found.append(_of_kinds(wanted.kinds))
    if wanted.without:
        found.append(_COLUMNS.kind.is_(None) | _COLUMNS.kind.not_in([str(kind) for kind in wanted.without]))
    if wanted.since is not None:
        found.append(_COLUMNS.occurred_at >= wanted.since)
    if wanted.until is not None:
        found.append(_COLUMNS.occurred_at < wanted.until)
    for column, value in ((_COLUMNS.evse_id, wanted.evse_id), (_COLUMNS.connector_id, wanted.connector_id)):
        if value is not None:
            found.append(column == value if value else column.is_(None))
    return found


def _of_kinds(kinds: Collection[Kind]) -> ColumnElement[bool]:
    """A status that tells of a fault is of both types."""
    others = [str(kind) for kind in kinds if kind is not Kind.FAULT]
    of_others = _COLUMNS.kind == others[0] if len(others) == 1 else _COLUMNS.kind.in_(others)
    if Kind.FAULT not in kinds:
        return of_others
    return or_(IS_FAULT, of_others) if others else or_(IS_FAULT)


async def delete_oldest(session: WriteSession, station_key: str, kind: str, wanted: int) -> list[Row]:
    """Delete a station's oldest entries of a kind, up to so many bytes or a step's rows. Return what is gone."""
    oldest = (
        select(*_LEFT)
        .where(_COLUMNS.station_key == station_key, _COLUMNS.kind == kind)
        .order_by(_COLUMNS.occurred_at, _COLUMNS.entry_id)
        .limit(_STEP_ROWS)
        .with_for_update(skip_locked=True)  # those are being deleted
    )
    freed, gone = 0, []
    for row in (await session.execute(oldest)).mappings():
        if freed >= wanted:
            break
        freed += row["size"]
        gone.append(dict(row))
    await _delete(session, gone)
    return gone


async def delete_old(session: WriteSession, before: datetime, limit: int) -> list[Row]:
    """Delete up to `limit` entries from before that moment. Return what is gone."""
    moment = apart(_COLUMNS.occurred_at)  # as in the index
    old = (
        select(*_LEFT)
        .where(moment < apart(literal(before, UtcDateTime())))
        .order_by(moment)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = [dict(row) for row in (await session.execute(old)).mappings()]
    await _delete(session, gone)
    return gone


async def _delete(session: WriteSession, rows: Sequence[Row]) -> None:
    if rows:
        keys = [tuple(row[column.name] for column in _KEY) for row in rows]
        await session.execute(delete(timeline_entries).where(tuple_(*_KEY).in_(keys)))
