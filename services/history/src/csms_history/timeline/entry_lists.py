"""Decisions on tokens at all stations. Each filter has an index (ADR 0023)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.by_time import ByTime
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import IS_AUTHORIZATION, timeline_entries
from csms_history.timeline.entry_rows import Position

_COLUMNS = timeline_entries.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries; None: any."""

    station_key: str | None = None
    token_key: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""


async def authorizations(
    session: AsyncSession, wanted: Filter, *, limit: int, most_bytes: int, after: Position | None
) -> Bounded:
    """Return up to `limit` decisions on tokens, the newest first, those behind `after`."""
    conditions = _conditions(wanted)
    listed = ByTime(_COLUMNS.occurred_at, _COLUMNS.entry_id, filtered=bool(conditions))
    if wanted.since is not None:
        conditions.append(listed.since(wanted.since))
    if wanted.until is not None:
        conditions.append(listed.until(wanted.until))
    query = listed.page(select(timeline_entries).where(IS_AUTHORIZATION, *conditions), after)
    return await bounded.read(session, query, _COLUMNS.size, limit=limit, most_bytes=most_bytes, mappings=True)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    equal: tuple[tuple[ColumnElement[Any], str | None], ...] = (
        (_COLUMNS.station_key, wanted.station_key),
        (_COLUMNS.token_key, wanted.token_key),
        (_COLUMNS.status, wanted.status),
    )
    return [column == value for column, value in equal if value is not None]
