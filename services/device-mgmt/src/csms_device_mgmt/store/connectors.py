"""Rows of connectors."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.store.tables import Connector


async def report(
    session: AsyncSession,
    place: tuple[str, int, int],
    status: str,
    *,
    reported_at: datetime,
    received_at: datetime,
) -> bool:
    """Store a status for (station, EVSE, connector), known or not; True when the status changed.

    The message received last counts, for a station's own clock may be set back. One read again after a later one
    changes nothing.
    """
    row = await session.get(Connector, place)
    if row is None:
        station_id, evse_id, connector_id = place
        row = Connector(station_id=station_id, evse_id=evse_id, connector_id=connector_id, status="")
        session.add(row)
    elif received_at < row.received_at:
        return False
    changed = row.status != status
    row.status, row.reported_at, row.received_at = status, reported_at, received_at
    return changed


async def of_stations(session: AsyncSession, station_ids: Iterable[str]) -> Mapping[str, Sequence[Connector]]:
    """Return the connectors of each station in order of EVSE and connector."""
    statement = (
        select(Connector)
        .where(Connector.station_id.in_(list(station_ids)))
        .order_by(Connector.station_id, Connector.evse_id, Connector.connector_id)
    )
    found: dict[str, list[Connector]] = {}
    for row in await session.scalars(statement):
        found.setdefault(row.station_id, []).append(row)
    return found
