"""Rows of who charges at an EVSE."""

from collections.abc import Collection
from datetime import datetime

from csms_db.sql import insert
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import ChargingEvse, Station

MOST = 100
"""Of a station; those of which nothing was told for the longest time give way."""


async def lock(session: AsyncSession, station_id: str, evse_id: int, at: datetime) -> ChargingEvse:
    """Return the row of an EVSE, locked; a new one if there is none. The station's row is locked before."""
    key = {"station_id": station_id, "evse_id": evse_id}
    new = {**key, "revision": 0, "is_running": False, "updated_at": at}
    added = await session.execute(
        insert(session, ChargingEvse).values(**new).on_conflict_do_nothing().returning(ChargingEvse.evse_id)
    )
    if added.scalar() is not None:
        await _make_room(session, station_id)
    return await session.get_one(ChargingEvse, (station_id, evse_id), with_for_update=True)


async def _make_room(session: AsyncSession, station_id: str) -> None:
    of_station = ChargingEvse.station_id == station_id
    order = (ChargingEvse.updated_at.desc(), ChargingEvse.evse_id)
    newest = select(ChargingEvse.evse_id).where(of_station).order_by(*order).limit(MOST)
    older = delete(ChargingEvse).where(of_station, ChargingEvse.evse_id.not_in(newest))
    await session.execute(older.execution_options(synchronize_session=False))


async def with_schedules(session: AsyncSession, station_keys: Collection[str]) -> Collection[str]:
    """Return those of these stations, by their keys, whose vehicles get schedules."""
    wanted = (Station.station_key.in_(sorted(station_keys)), Station.charging_schedules)
    return set(await session.scalars(select(Station.station_key).where(*wanted)))
