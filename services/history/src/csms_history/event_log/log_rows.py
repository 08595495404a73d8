"""Rows of `event_log`: events in the order in which they were recorded, and are read by everybody."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from csms_db import bounded
from csms_db.base import UtcDateTime
from csms_db.engine import WriteSession
from csms_db.packed import unpack
from csms_db.sql import apart, dialect_of, insert
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import event_log, station_sites

_COLUMNS = event_log.c
_LOCK = 0x65766C67
"""Names the advisory lock under which events get their numbers."""


class Logged(NamedTuple):
    """An event."""

    id: int
    """Its number: higher ones come later, for everybody."""
    message_id: str
    """The event's id, with which repeats are told."""
    type: str
    station_key: str | None
    site_id: str | None
    text: bytes
    """Its JSON form."""


async def add(session: WriteSession, rows: Sequence[dict[str, Any]]) -> int:
    """Store events; those that are stored stay as they are. Return how many were new.

    Numbers are given under a lock that is held until the commit: who has read a number has seen all lower ones.
    """
    if dialect_of(session) == "postgresql":
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    unique = {(row["topic"], row["event_id"]): row for row in rows}
    statement = insert(session, event_log).on_conflict_do_nothing(index_elements=["topic", "event_id"])
    added = await session.execute(statement.returning(_COLUMNS.id), list(unique.values()))
    return len(added.all())


async def sites_of(session: AsyncSession, station_keys: Iterable[str]) -> dict[str, str]:
    """Return the sites of those stations that have one."""
    query = sa.select(station_sites.c.station_key, station_sites.c.site_id)
    found = await session.execute(query.where(station_sites.c.station_key.in_(set(station_keys))))
    return {key: site_id for key, site_id in found}  # noqa: C416 rows are no pairs to mypy


async def note_sites(session: WriteSession, sites: dict[str, str]) -> None:
    """Note which sites stations belong to; empty: none."""
    if not sites:
        return
    gone = [key for key, site_id in sites.items() if not site_id]
    await session.execute(sa.delete(station_sites).where(station_sites.c.station_key.in_(gone)))
    rows = [{"station_key": key, "site_id": site_id} for key, site_id in sorted(sites.items()) if site_id]
    if rows:
        statement = insert(session, station_sites).values(rows)
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["station_key"], set_={"site_id": statement.excluded.site_id}
            )
        )


async def after(session: AsyncSession, number: int, *, limit: int, most_bytes: int) -> list[Logged]:
    """Return events with higher numbers, in their order."""
    query = sa.select(event_log).where(_COLUMNS.id > number).order_by(_COLUMNS.id)
    found = await bounded.read(session, query, _COLUMNS.size, limit=limit, most_bytes=most_bytes, mappings=True)
    return [
        Logged(row["id"], row["event_id"], row["type"], row["station_key"], row["site_id"], unpack(row["text"]))
        for row in found.rows
    ]


async def newest(session: AsyncSession) -> int:
    """Return the highest number; 0: there is none."""
    return await session.scalar(sa.select(sa.func.max(_COLUMNS.id))) or 0


async def oldest(session: AsyncSession) -> int | None:
    """Return the lowest number; None: there is none."""
    found: int | None = await session.scalar(sa.select(sa.func.min(_COLUMNS.id)))
    return found


async def delete_old(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` events that were recorded before that moment; return how many."""
    moment = apart(_COLUMNS.recorded_at)
    old = (
        sa.select(_COLUMNS.id)
        .where(moment < apart(sa.literal(before, UtcDateTime())))
        .order_by(moment)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(old)).all()
    await session.execute(sa.delete(event_log).where(_COLUMNS.id.in_(found)))
    return len(found)
