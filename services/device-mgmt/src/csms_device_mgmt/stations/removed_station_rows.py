"""Rows of stations that were removed lately.

Messages of a station may be on the bus when it is removed, and leave rows when it has none: these go, too.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from csms_db.sql import insert
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import RemovedStation

FIRST = timedelta(minutes=1)
"""After its removal; then again after twice the time."""
LAST = timedelta(days=8)
"""Longer than any message stays on the bus."""


async def note(session: AsyncSession, station_id: str, now: datetime) -> None:
    """Remember that a station was removed now."""
    statement = insert(session, RemovedStation).values(station_id=station_id, removed_at=now, due_at=now + FIRST)
    changed = {"removed_at": now, "due_at": now + FIRST}
    await session.execute(statement.on_conflict_do_update(index_elements=["station_id"], set_=changed))


async def due(session: AsyncSession, now: datetime, limit: int) -> Sequence[str]:
    """Return up to `limit` stations of which it is time to look for late rows."""
    statement = select(RemovedStation.station_id).where(RemovedStation.due_at <= now).order_by(RemovedStation.due_at)
    return (await session.scalars(statement.limit(limit))).all()


async def looked_at(session: AsyncSession, station_id: str, now: datetime) -> None:
    """Look again later, or no more. The station's row, if there is one, must be locked before."""
    row = await session.get(RemovedStation, station_id, with_for_update=True)
    if row is not None:
        age = now - row.removed_at
        if age > LAST:
            await session.delete(row)
        else:
            row.due_at = now + max(age, FIRST)


async def forget(session: AsyncSession, station_id: str) -> None:
    """Look no more: there is a station of that id again."""
    await session.execute(delete(RemovedStation).where(RemovedStation.station_id == station_id))
