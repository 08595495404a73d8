"""Rows of dynamic schedules: what the station was told last, by profile."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import DynamicSchedule

MOST = 100
"""Of a station; the oldest ones give way."""


async def store(
    session: AsyncSession, station_id: str, profile_id: int, schedule_update: Mapping[str, Any], at: datetime
) -> None:
    """Store what holds from now on."""
    changed = {"schedule_update": dict(schedule_update), "updated_at": at}
    statement = insert(session, DynamicSchedule).values(station_id=station_id, profile_id=profile_id, **changed)
    await session.execute(statement.on_conflict_do_update(index_elements=["station_id", "profile_id"], set_=changed))
    of_station = DynamicSchedule.station_id == station_id
    order = (DynamicSchedule.updated_at.desc(), DynamicSchedule.profile_id)
    newest = select(DynamicSchedule.profile_id).where(of_station).order_by(*order).limit(MOST)
    older = delete(DynamicSchedule).where(of_station, DynamicSchedule.profile_id.not_in(newest))
    await session.execute(older.execution_options(synchronize_session=False))


async def forget(session: AsyncSession, station_id: str, profile_id: int) -> None:
    """Delete what is known of a profile."""
    statement = delete(DynamicSchedule).where(
        DynamicSchedule.station_id == station_id, DynamicSchedule.profile_id == profile_id
    )
    await session.execute(statement.execution_options(synchronize_session=False))


async def find(session: AsyncSession, station_id: str, profile_id: int) -> Mapping[str, Any] | None:
    """Return what holds; None: there is no such dynamic profile."""
    statement = select(DynamicSchedule.schedule_update).where(
        DynamicSchedule.station_id == station_id, DynamicSchedule.profile_id == profile_id
    )
    return await session.scalar(statement)
