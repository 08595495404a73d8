"""Rows of `timeline_entries`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.base import UtcDateTime
from csms_db.bounded import Bounded
from csms_db.engine import WriteSession
from csms_db.sql import apart, insert
from sqlalchemy import delete, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import timeline_entries

ROW_BYTES = 250
"""About so many bytes a row and its indexes take beside the detail."""
_STEP_ROWS = 500
"""At most so many rows are deleted at a time; who needs more gets it with the next entry."""
_COLUMNS = timeline_entries.c
_KEY = (_COLUMNS.station_key, _COLUMNS.occurred_at, _COLUMNS.entry_id)
Position = tuple[datetime, str]
"""Time and id of an entry."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries of a station; None: any."""

    station_key: str
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""
    type: str | None = None


async def add(session: WriteSession, rows: Sequence[dict[str, Any]]) -> list[tuple[str, int]]:
    """Store entries; those that are stored stay as they are. Return station key and size of each that was added."""
    unique = {(row["station_key"], row["occurred_at"], row["entry_id"]): row for row in rows}
    statement = insert(session, timeline_entries).on_conflict_do_nothing(index_elements=list(_KEY))
    added = await session.execute(statement.returning(_COLUMNS.station_key, _COLUMNS.size), list(unique.values()))
    return [(key, size) for key, size in added]


async def page(
    session: AsyncSession, wanted: Wanted, *, limit: int, most_bytes: int, after: Position | None
) -> Bounded:
    """Return up to `limit` entries, the newest first, those behind `after`; together of `most_bytes` at most."""
    query = select(timeline_entries).where(_COLUMNS.station_key == wanted.station_key)
    if wanted.type is not None:
        query = query.where(_COLUMNS.type == wanted.type)
    if wanted.since is not None:
        query = query.where(_COLUMNS.occurred_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_COLUMNS.occurred_at < wanted.until)
    if after is not None:
        moment, entry_id = after
        seen = tuple_(literal(moment, UtcDateTime()), literal(entry_id))
        query = query.where(tuple_(_COLUMNS.occurred_at, _COLUMNS.entry_id) < seen)
    query = query.order_by(_COLUMNS.occurred_at.desc(), _COLUMNS.entry_id.desc())
    return await bounded.read(session, query, _COLUMNS.size, limit=limit, most_bytes=most_bytes, mappings=True)


async def delete_oldest(session: WriteSession, station_key: str, wanted: int) -> tuple[int, int]:
    """Delete a station's oldest entries, up to so many bytes or a step's rows. Return bytes and rows that are gone."""
    oldest = (
        select(*_KEY, _COLUMNS.size)
        .where(_COLUMNS.station_key == station_key)
        .order_by(_COLUMNS.occurred_at, _COLUMNS.entry_id)
        .limit(_STEP_ROWS)
        .with_for_update(skip_locked=True)  # those are being deleted
    )
    freed, chosen = 0, []
    for *key, size in await session.execute(oldest):
        if freed >= wanted:
            break
        freed += size
        chosen.append(tuple(key))
    await session.execute(delete(timeline_entries).where(tuple_(*_KEY).in_(chosen)))
    return freed, len(chosen)


async def delete_old(session: WriteSession, before: datetime, limit: int) -> list[tuple[str, int]]:
    """Delete up to `limit` entries from before that moment. Return station key and size of each."""
    moment = apart(_COLUMNS.occurred_at)  # as in the index
    old = (
        select(*_KEY)
        .where(moment < apart(literal(before, UtcDateTime())))
        .order_by(moment)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [tuple(key) for key in await session.execute(old)]
    gone = delete(timeline_entries).where(tuple_(*_KEY).in_(found))
    return [(key, size) for key, size in await session.execute(gone.returning(_COLUMNS.station_key, _COLUMNS.size))]
