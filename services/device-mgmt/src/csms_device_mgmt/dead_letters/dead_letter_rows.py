"""Rows of dead letters: records that a consumer of any service gave up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from csms_db.engine import WriteSession
from csms_db.quota import trim
from csms_db.sql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import DeadLetter

MOST_BYTES = 256 * 1024 * 1024
MOST_BYTES_PER_STATION = 16 * 1024 * 1024
"""How much is kept, the newest: one station's poison must not push out that of the others, nor fill the disk."""
_TABLE = cast("sa.Table", DeadLetter.__table__)
_SHOWN = [column for column in _TABLE.c if column.name != "value"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters, from the oldest on."""

    equal: Mapping[str, str | None]
    """What a column must be, by its name; None: anything."""
    died_since: datetime | None
    died_until: datetime | None
    after: int
    """Only those with a higher id."""
    limit: int


async def add(session: WriteSession, rows: Sequence[dict[str, Any]]) -> int:
    """Keep them, the same one twice once; returns how many older ones gave way."""
    await session.execute(insert(session, DeadLetter).on_conflict_do_nothing(), rows)
    owners = {row["station_id"] for row in rows}
    limits = {"most_per_owner": MOST_BYTES_PER_STATION, "most": MOST_BYTES}
    return await trim(session, _TABLE, _TABLE.c.station_id, owners, **limits)


async def page(
    session: AsyncSession,
    *,
    limit: int,
    before: int | None,
    wanted: dict[str, str | None],
    replayed: bool | None = None,
) -> Sequence[sa.Row[Any]]:
    """Return up to `limit`, without values, the newest first; `wanted`: column → value, None for any."""
    statement = sa.select(*_SHOWN).order_by(DeadLetter.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(DeadLetter.id < before)
    if replayed is not None:
        at = DeadLetter.replayed_at
        statement = statement.where(at.is_not(None) if replayed else at.is_(None))
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(_TABLE.c[name] == value)
    return (await session.execute(statement)).all()


async def find(session: AsyncSession, number: int) -> DeadLetter | None:
    """Return one with its value."""
    return await session.get(DeadLetter, number)


async def find_all(session: AsyncSession, numbers: Sequence[int]) -> Sequence[DeadLetter]:
    """Return these with their values, the oldest first."""
    statement = sa.select(DeadLetter).where(DeadLetter.id.in_(numbers)).order_by(DeadLetter.id)
    return (await session.scalars(statement)).all()


async def sizes(session: AsyncSession, wanted: Wanted) -> Sequence[tuple[int, int]]:
    """Return id and size in bytes of the oldest letters that were not published again yet."""
    statement = (
        sa.select(DeadLetter.id, DeadLetter.size)
        .where(DeadLetter.replayed_at.is_(None), DeadLetter.id > wanted.after)
        .order_by(DeadLetter.id)
        .limit(wanted.limit)
    )
    for name, value in wanted.equal.items():
        if value is not None:
            statement = statement.where(_TABLE.c[name] == value)
    if wanted.died_since is not None:
        statement = statement.where(DeadLetter.died_at >= wanted.died_since)
    if wanted.died_until is not None:
        statement = statement.where(DeadLetter.died_at < wanted.died_until)
    return [(row.id, row.size) for row in await session.execute(statement)]


async def replayed(session: AsyncSession, numbers: Sequence[int], at: datetime, by: str) -> None:
    """Note that these were published again; those that are not there are passed over."""
    statement = sa.update(DeadLetter).where(DeadLetter.id.in_(numbers)).values(replayed_at=at, replayed_by=by)
    await session.execute(statement.execution_options(synchronize_session=False))


async def delete(session: AsyncSession, number: int) -> bool:
    """Delete one; False: there is none."""
    statement = sa.delete(DeadLetter).where(DeadLetter.id == number).returning(DeadLetter.id)
    return (await session.execute(statement)).first() is not None


async def delete_old(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` that died before that moment; return how many. They are kept in order of their death."""
    oldest = await session.execute(sa.select(DeadLetter.id, DeadLetter.died_at).order_by(DeadLetter.id).limit(limit))
    old = [number for number, died_at in oldest if died_at < before]
    statement = sa.delete(DeadLetter).where(DeadLetter.id.in_(old))
    await session.execute(statement.execution_options(synchronize_session=False))
    return len(old)
