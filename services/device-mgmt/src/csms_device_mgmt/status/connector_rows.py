"""Rows of connectors."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from csms_db.statements import Lookup, Upsert
from sqlalchemy import Table, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.status.availability import Moment, is_outdated
from csms_device_mgmt.tables import Connector

Place = tuple[int, int]
"""EVSE and connector."""

_TABLE: Table = Connector.__table__  # type: ignore[assignment]  # SQLAlchemy says FromClause
_NAMES = ("station_id", "evse_id", "connector_id", "status", "reported_at", "received_at", "is_own_time", "reported")
_LOOKUP = Lookup([_TABLE.c[name] for name in _NAMES], [_TABLE.c.station_id])
_STORE = Upsert(_TABLE, _NAMES, by=_NAMES[:3], changed=_NAMES[3:])


class Status(NamedTuple):
    """What was last said of a connector."""

    status: str
    reported_at: datetime
    """When it began; see availability.Moment."""
    received_at: datetime
    """The gateway's time of the message."""
    is_own_time: bool
    reported: Mapping[str, Any] | None = None
    """See availability.ReportedStatus."""

    @property
    def moment(self) -> Moment:
        """When it began."""
        return Moment(self.reported_at, self.received_at, self.is_own_time)


class Statuses:
    """The connectors of the stations that report in a transaction: read once, changed here, written once."""

    def __init__(self) -> None:
        self._known: dict[str, dict[Place, Status]] = {}
        self._changed: dict[tuple[str, Place], Status] = {}
        self._gone: set[tuple[str, Place]] = set()

    async def load(self, session: AsyncSession, station_ids: Iterable[str]) -> None:
        """Read what is stored of these stations, unless it was read before."""
        wanted = {station_id for station_id in station_ids if station_id not in self._known}
        self._known.update((station_id, {}) for station_id in wanted)
        for station_id, evse_id, connector_id, *status in await _LOOKUP.fetch(session, wanted) if wanted else ():
            self._known[station_id][evse_id, connector_id] = Status(*status)

    def places(self, station_id: str) -> Mapping[Place, Status]:
        """Return the connectors of a station that was loaded."""
        return self._known[station_id]

    def report(self, station_id: str, place: Place, status: Status, booted_at: datetime | None) -> bool:
        """Take a status of a connector, known or not, of a station that was loaded; True when the status changed.

        The one that began last counts; see availability.is_outdated. `booted_at` is of the station.
        """
        known = self._known[station_id]
        before = known.get(place)
        if before is not None and is_outdated(status.moment, before.moment, booted_at):
            return False
        known[place] = self._changed[station_id, place] = status
        return before is None or before.status != status.status or before.reported != status.reported

    def remove(self, station_id: str, places: Iterable[Place]) -> None:
        """Remove connectors of a station that was loaded."""
        for place in places:
            self._known[station_id].pop(place, None)
            self._changed.pop((station_id, place), None)
            self._gone.add((station_id, place))

    async def flush(self, session: AsyncSession) -> None:
        """Write what changed."""
        gone, self._gone = sorted(self._gone), set()
        if gone:
            place = tuple_(Connector.station_id, Connector.evse_id, Connector.connector_id)
            keys = [(station_id, *place) for station_id, place in gone]
            await session.execute(delete(Connector).where(place.in_(keys)))
        changed, self._changed = self._changed, {}
        # In one order, so that two processes cannot wait for each other.
        rows = [(station_id, *place, *status) for (station_id, place), status in sorted(changed.items())]
        await _STORE.execute(session, rows)


async def counts(session: AsyncSession, station_ids: Sequence[str]) -> list[int]:
    """Return how many connectors each of these stations has."""
    statement = select(Connector.station_id, func.count()).where(Connector.station_id.in_(station_ids))
    rows = await session.execute(statement.group_by(Connector.station_id))
    found = {row[0]: row[1] for row in rows}
    return [found.get(station_id, 0) for station_id in station_ids]


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
