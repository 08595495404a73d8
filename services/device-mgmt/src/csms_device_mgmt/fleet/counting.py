"""Counts stations and connectors slice by slice, and tells the metrics."""

from collections import Counter
from datetime import datetime

from csms_bus.gateways import Gateways
from csms_db.counting import SLICE_ROWS, Counted, Counting, slices
from csms_db.engine import Database
from csms_runtime import metrics
from sqlalchemy import ColumnElement, and_, case, func, select

from csms_device_mgmt.fleet.labels import MOST_KEPT, Kind, Stations, add, counts_of, label, named, rows_of
from csms_device_mgmt.stations import firmware_keys
from csms_device_mgmt.stations.station_rows import is_connected
from csms_device_mgmt.tables import COUNTS, Connector, Station

_NO_PROTOCOL = "none"
"""Of stations that were never connected."""


class Fleet:
    """What is counted of the fleet. `rows`: of a slice."""

    def __init__(self, database: Database, gateways: Gateways, *, rows: int = SLICE_ROWS) -> None:
        self._database = database
        self._gateways = gateways
        self._rows = rows

    def counting(self, interval_s: float) -> Counting:
        """Return what counts it every `interval_s` seconds and tells the metrics."""
        return Counting(self._database, COUNTS, "fleet", count=self.count, tell=tell, interval_s=interval_s)

    async def count(self) -> Counted:
        """Return stations by kind, and connectors by status. Raises DatabaseUnavailable."""
        return {"stations": rows_of(await self._stations()), "connectors": dict(await self._connectors())}

    async def _stations(self) -> dict[Kind, Stations]:
        found: dict[Kind, Stations] = {}
        async for which in slices(self._database, Station.station_id, rows=self._rows):
            await firmware_keys.renew(self._database, which)
            await self._add_stations(found, which)
            if len(found) > 2 * MOST_KEPT:
                found = named(found, MOST_KEPT)
        return named(found)

    async def _add_stations(self, found: dict[Kind, Stations], which: ColumnElement[bool]) -> None:
        connected = is_connected(self._gateways.living())
        kind = (Station.vendor_name, Station.model, Station.connection_protocol)
        statement = select(*kind, func.count(), func.sum(case((connected, 1), else_=0))).where(which).group_by(*kind)
        async with self._database.reading() as session:
            for vendor, model, protocol, known, online in await session.execute(statement):
                add(found, (label(vendor), label(model), protocol or _NO_PROTOCOL), Stations(known, int(online)))

    async def _connectors(self) -> Counter[str]:
        found: Counter[str] = Counter()
        async for which in slices(self._database, Connector.station_id, rows=self._rows):
            is_no_evse = Connector.connector_id > 0
            statement = select(Connector.status, func.count()).where(and_(which, is_no_evse)).group_by(Connector.status)
            async with self._database.reading() as session:
                for status, count in await session.execute(statement):
                    found[status] += count
        return found


def tell(counted: Counted, at: datetime) -> None:
    """Give the metrics what was counted."""
    stations = counts_of(counted["stations"])
    metrics.FLEET_STATIONS.replace({kind: each.known for kind, each in stations.items()})
    metrics.FLEET_CONNECTED.replace({kind: each.connected for kind, each in stations.items()})
    metrics.FLEET_CONNECTORS.replace({(status,): count for status, count in counted["connectors"].items()})
    metrics.FLEET_COUNTED.set(at.timestamp())
