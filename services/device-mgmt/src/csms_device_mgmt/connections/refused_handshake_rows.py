"""Rows of refused handshakes: bounded, whoever makes names and addresses up.

Those of our stations and those of strangers are bounded apart, so that strangers push nobody of ours out.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from csms_db.by_time import ByTime
from csms_db.sql import by_bytes, insert
from sqlalchemy import ColumnElement, case, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.tables import RefusedHandshake

MOST_OF_STATION = 50
"""Of a station of ours: addresses times kinds."""
MOST_OF_STRANGERS = 5_000
MOST_OF_ADDRESS = 500
"""Of strangers behind one address."""
MOST_TOLD, MOST_TOLD_OF_ADDRESS = 1_000, 300
"""So many a gateway tells in a minute (`csms_gateway.handshake_refusals`): of more strangers some may never be told."""
MOST_SUMMARIZED = 20_000
"""The newest ones, so that a summary costs the same however many there are."""

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
    conditions = [getattr(table, name) == value for name, value in wanted.items() if value is not None]
    if station_id is not None:
        conditions.append(func.lower(table.station_id) == station_id.lower())
    listed = _listed(filtered=bool(conditions))
    if since is not None:
        conditions.append(listed.since(since))
    statement = listed.page(select(table).where(*conditions), before)
    return (await session.scalars(statement.limit(limit))).all()


def _listed(*, filtered: bool, oldest_first: bool = False) -> ByTime:
    return ByTime(RefusedHandshake.last_at, RefusedHandshake.id, filtered=filtered, oldest_first=oldest_first)


async def summary(session: AsyncSession, *, since: datetime | None, limit: int) -> tuple[Sequence[Any], bool]:
    """Return kinds and reasons, those that concern most first: how many of our stations, and when last.

    And whether these are all refusals: not the newest ones alone, and no stranger gave way to others.
    """
    listed = _listed(filtered=False)
    newest = select(RefusedHandshake).where(*([] if since is None else [listed.since(since)]))
    of = listed.page(newest, None).limit(MOST_SUMMARIZED + 1).subquery().c
    names = func.count(func.distinct(by_bytes(of.station_id)))
    statement = (
        select(
            of.kind,
            of.reason,
            of.known,
            names.label("stations"),
            func.count(func.distinct(by_bytes(of.remote_address))).label("addresses"),
            func.max(of.last_at).label("last_refused_at"),
            func.sum(func.count()).over().label("counted"),
        )
        .group_by(of.kind, of.reason, of.known)
        .order_by(of.known.desc(), names.desc(), of.kind, of.reason)
        .limit(limit)
    )
    rows = (await session.execute(statement)).all()
    is_whole = not rows or rows[0].counted <= MOST_SUMMARIZED
    return rows, is_whole and not await _gave_way(session)


async def _gave_way(session: AsyncSession) -> bool:
    """Whether strangers are so many, in all or behind one address, that some may have been deleted, or never told."""
    table = RefusedHandshake
    strangers = select(table.remote_address).where(~table.known).limit(MOST_OF_STRANGERS).subquery()
    count = func.count().label("count")
    largest = select(count).select_from(strangers).group_by(strangers.c.remote_address).subquery()
    total, most = (await session.execute(select(func.sum(largest.c.count), func.max(largest.c.count)))).one()
    return (total or 0) >= MOST_TOLD or (most or 0) >= MOST_TOLD_OF_ADDRESS


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` of which nothing was heard since that moment; return how many."""
    table = RefusedHandshake
    listed = _listed(filtered=False, oldest_first=True)
    old = listed.page(select(table.id).where(listed.until(before)), None).limit(limit)
    found = (await session.scalars(delete(table).where(table.id.in_(old)).returning(table.id))).all()
    return len(found)
