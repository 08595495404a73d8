"""Rows of faults."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from csms_db.by_time import ByTime
from csms_db.sql import apart, insert
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt import tables
from csms_device_mgmt.faults.fault import Fault
from csms_device_mgmt.history.history_rows import FAULT_BYTES
from csms_device_mgmt.station_message import StationMessage
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit

ORDER = apart(tables.Fault.station_id)
"""The order of the stations that `of_stations_since` finds."""


async def add(unit: Unit, message: StationMessage, faults: Mapping[str, Fault]) -> None:
    """Keep the faults of a message, by their ids. Once more is harmless."""
    if not faults:
        return
    station = await station_rows.find(unit.session, message.station_id)
    place = {"station_id": message.station_id, "site_id": station.site_id if station else None}
    at = message.received_at
    rows = [
        {"fault_id": fault_id, **place, **fault._asdict(), "occurred_at": fault.occurred_at or at, "received_at": at}
        for fault_id, fault in faults.items()
    ]
    statement = insert(unit.session, tables.Fault).values(rows).on_conflict_do_nothing()
    for _ in await unit.session.scalars(statement.returning(tables.Fault.fault_id)):
        unit.kept(message.station_id, FAULT_BYTES)


async def page(
    session: AsyncSession,
    wanted: Mapping[str, str | None],
    *,
    limit: int,
    before: tuple[datetime, str] | None,
    since: datetime | None,
    until: datetime | None,
) -> Sequence[tables.Fault]:
    """Return up to `limit` faults, the newest first, those before (received_at, id). `wanted`: column → value."""
    table = tables.Fault
    conditions = [getattr(table, name) == value for name, value in wanted.items() if value is not None]
    listed = ByTime(table.received_at, table.fault_id, filtered=bool(conditions))
    if since is not None:
        conditions.append(listed.since(since))
    if until is not None:
        conditions.append(listed.until(until))
    return (await session.scalars(listed.page(select(table).where(*conditions), before).limit(limit))).all()


def of_stations_since(since: datetime) -> Select[str]:
    """Return the query of the stations that told of a fault then or later."""
    listed = ByTime(tables.Fault.received_at, tables.Fault.fault_id, filtered=False)
    return select(ORDER).where(listed.since(since)).group_by(ORDER)
