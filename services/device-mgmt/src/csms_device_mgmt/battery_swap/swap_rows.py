"""Rows of battery swaps."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import BatterySwap

MOST = 200
"""Of a station; the oldest ones give way."""


async def lock(session: AsyncSession, station_id: str, request_id: int, at: datetime) -> BatterySwap:
    """Return the row of a swap, locked; a new one if there is none. The station's row is locked before."""
    new = {"station_id": station_id, "request_id": request_id, "began_at": at, "updated_at": at}
    added = await session.execute(
        insert(session, BatterySwap).values(**new).on_conflict_do_nothing().returning(BatterySwap.request_id)
    )
    if added.scalar() is not None:
        await _make_room(session, station_id)
    return await session.get_one(BatterySwap, (station_id, request_id), with_for_update=True)


async def _make_room(session: AsyncSession, station_id: str) -> None:
    of_station = BatterySwap.station_id == station_id
    order = (BatterySwap.began_at.desc(), BatterySwap.request_id.desc())
    newest = select(BatterySwap.request_id).where(of_station).order_by(*order).limit(MOST)
    older = delete(BatterySwap).where(of_station, BatterySwap.request_id.not_in(newest))
    await session.execute(older.execution_options(synchronize_session=False))


def note(row: BatterySwap, columns: Mapping[str, Any]) -> None:
    """Write what was told of a swap."""
    for name, value in columns.items():
        setattr(row, name, value)


async def page(
    session: AsyncSession, station_id: str, *, limit: int, before: tuple[datetime, int] | None
) -> Sequence[BatterySwap]:
    """Return up to `limit` swaps, the newest first, those before (began_at, request_id)."""
    statement = select(BatterySwap).where(BatterySwap.station_id == station_id)
    if before is not None:
        statement = statement.where(tuple_(BatterySwap.began_at, BatterySwap.request_id) < before)
    order = (BatterySwap.began_at.desc(), BatterySwap.request_id.desc())
    return (await session.scalars(statement.order_by(*order).limit(limit))).all()
