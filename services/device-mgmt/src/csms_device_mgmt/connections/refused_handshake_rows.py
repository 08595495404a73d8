"""Rows of refused handshakes: bounded, whoever makes names and addresses up.

Those of our stations and those of strangers are bounded apart, so that strangers push nobody of ours out.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from sqlalchemy import ColumnElement, case, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.tables import RefusedHandshake

MOST_OF_STATION = 50
"""Of a station of ours: addresses times kinds."""
MOST_OF_STRANGERS = 5_000
MOST_OF_ADDRESS = 500
"""Of strangers behind one address."""

_KEY = ("station_id", "remote_address", "kind")
_NEWEST = ("known", "http_status", "reason", "security_event")


async def add(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep these, no two of one station, address and kind; of what is there the newer counts. Once more is harmless."""
    statement = insert(session, RefusedHandshake)
    old, new = RefusedHandshake, statement.excluded
    newer = new.last_at > old.last_at
    changes: dict[str, ColumnElement[Any]] = {
        name: case((newer, new[name]), else_=getattr(old, name)) for name in _NEWEST
    }
    changes["told"] = old.told + case((newer, new.told), else_=0)
    changes["last_at"] = case((newer, new.last_at), else_=old.last_at)
    statement = statement.on_conflict_do_update(index_elements=_KEY, set_=changes)
    await session.execute(statement, sorted(rows, key=lambda row: tuple(row[name] for name in _KEY)))
    await _trim(session, rows)


async def _trim(session: AsyncSession, added: Collection[Mapping[str, Any]]) -> None:
    """Delete the oldest of those that have too many."""
    table = RefusedHandshake
    ours = table.known & table.station_id.in_({row["station_id"] for row in added if row["known"]})
    strangers = ~table.known & table.remote_address.in_({row["remote_address"] for row in added if not row["known"]})
    await _keep_newest(session, ours, table.station_id, MOST_OF_STATION)
    await _keep_newest(session, strangers, table.remote_address, MOST_OF_ADDRESS)
    beyond = select(table.id).where(~table.known).order_by(table.last_at.desc(), table.id.desc())
    await session.execute(delete(table).where(table.id.in_(beyond.offset(MOST_OF_STRANGERS).limit(MOST_OF_STRANGERS))))


async def _keep_newest(
    session: AsyncSession,
    which: ColumnElement[bool],
    owner: InstrumentedAttribute[str],
    most: int,
) -> None:
    table = RefusedHandshake
    place = func.row_number().over(partition_by=owner, order_by=(table.last_at.desc(), table.id.desc()))
    numbered = select(table.id, place.label("place")).where(which).subquery()
    await session.execute(delete(table).where(table.id.in_(select(numbered.c.id).where(numbered.c.place > most))))


async def page(
    session: AsyncSession,
    *,
    limit: int,
    before: tuple[datetime, int] | None,
    station_id: str | None,
    wanted: Mapping[str, str | None],
    since: datetime | None,
) -> Sequence[RefusedHandshake]:
    """Return up to `limit`, the newest first, those before (last_at, id); None: any.

    `station_id` in any case; `wanted`: column → value.
    """
    table = RefusedHandshake
    statement = select(table).order_by(table.last_at.desc(), table.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(tuple_(table.last_at, table.id) < before)
    if since is not None:
        statement = statement.where(table.last_at >= since)
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(getattr(table, name) == value)
    if station_id is not None:
        statement = statement.where(func.lower(table.station_id) == station_id.lower())
    return (await session.scalars(statement)).all()


async def summary(session: AsyncSession, *, since: datetime | None, limit: int) -> Sequence[Any]:
    """Return kinds and reasons, those that concern most first: how many of our stations, and when last."""
    table = RefusedHandshake
    names = func.count(func.distinct(table.station_id))
    statement = (
        select(
            table.kind,
            table.reason,
            table.known,
            names.label("stations"),
            func.count(func.distinct(table.remote_address)).label("addresses"),
            func.max(table.last_at).label("last_refused_at"),
        )
        .group_by(table.kind, table.reason, table.known)
        .order_by(table.known.desc(), names.desc(), table.kind, table.reason)
        .limit(limit)
    )
    if since is not None:
        statement = statement.where(table.last_at >= since)
    return (await session.execute(statement)).all()


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` of which nothing was heard since that moment; return how many."""
    table = RefusedHandshake
    old = select(table.id).where(table.last_at < before).order_by(table.last_at).limit(limit)
    found = (await session.scalars(delete(table).where(table.id.in_(old)).returning(table.id))).all()
    return len(found)
