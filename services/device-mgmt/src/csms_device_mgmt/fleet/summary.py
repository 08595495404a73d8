"""The fleet in groups: how many stations there are of each site, vendor, ..., and how they fare."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.stations.station_rows import is_connected
from csms_device_mgmt.tables import Connector, RefusedHandshake, Station

MOST_GROUPS = 500
"""The largest ones; the others are one group."""


class By(StrEnum):
    """What stations are grouped by."""

    SITE = "site"
    VENDOR = "vendor"
    MODEL = "model"
    FIRMWARE = "firmware"
    PROTOCOL = "protocol"


_COLUMNS: Mapping[By, InstrumentedAttribute[str | None]] = {
    By.SITE: Station.site_id,
    By.VENDOR: Station.vendor_name,
    By.MODEL: Station.model,
    By.FIRMWARE: Station.firmware_version,
    By.PROTOCOL: Station.connection_protocol,
}


@dataclass(slots=True)
class Counts:
    """Of a group."""

    registered: int = 0
    connected: int = 0
    charging: int = 0
    """Connectors in use."""
    faulted: int = 0
    """Stations with a connector or EVSE that is Faulted."""
    refused: int = 0
    """Stations that were not let in lately."""

    def add(self, other: "Counts") -> None:
        """Add the counts of another group."""
        self.registered += other.registered
        self.connected += other.connected
        self.charging += other.charging
        self.faulted += other.faulted
        self.refused += other.refused


@dataclass(frozen=True, slots=True)
class Summary:
    """The groups by their value (None: stations that have none), the largest first; and what the others come to."""

    groups: Mapping[str | None, Counts]
    others: Counts | None
    total: Counts


async def summarize(
    session: AsyncSession, by: By, gateways: Iterable[tuple[int, int]], *, refused_since: datetime
) -> Summary:
    """Count all stations, by three statements: a quarter of a second for 100,000. `gateways` live: (slot, epoch)."""
    group, found = _COLUMNS[by], dict[str | None, Counts]()
    for value, registered, connected in await session.execute(_stations(group, is_connected(gateways))):
        found[value] = Counts(registered, int(connected))
    for value, charging, faulted in await session.execute(_connectors(group)):
        counts = found.setdefault(value, Counts())
        counts.charging, counts.faulted = int(charging), faulted
    for value, refused in await session.execute(_refused(group, refused_since)):
        found.setdefault(value, Counts()).refused = refused
    return _bounded(found)


def _stations(group: InstrumentedAttribute[str | None], connected: ColumnElement[bool]) -> Select[str | None, int, Any]:
    return select(group, func.count(), func.sum(case((connected, 1), else_=0))).group_by(group)


def _connectors(group: InstrumentedAttribute[str | None]) -> Select[str | None, Any, int]:
    """Return the query of what is in use and what is faulted: few connectors, by an index of the status."""
    is_in_use = (Connector.status == "Occupied") & (Connector.connector_id > 0)
    faulted = case((Connector.status == "Faulted", Connector.station_id))
    return (
        select(group, func.sum(case((is_in_use, 1), else_=0)), func.count(faulted.distinct()))
        .join(Connector, Connector.station_id == Station.station_id)
        .where(Connector.status.in_(["Occupied", "Faulted"]))
        .group_by(group)
    )


def _refused(group: InstrumentedAttribute[str | None], since: datetime) -> Select[str | None, int]:
    """Return the query of the stations that were not let in. Identities are compared without case."""
    return (
        select(group, func.count(Station.station_id.distinct()))
        .join(RefusedHandshake, func.lower(RefusedHandshake.station_id) == Station.station_key)
        .where(RefusedHandshake.known, RefusedHandshake.last_at >= since)
        .group_by(group)
    )


def _bounded(found: Mapping[str | None, Counts]) -> Summary:
    """Keep the largest groups. Of those that are as large the first in the alphabet are kept."""
    ranked = sorted(found, key=lambda value: (-found[value].registered, value or ""))
    total, others = Counts(), Counts()
    for counts in found.values():
        total.add(counts)
    for value in ranked[MOST_GROUPS:]:
        others.add(found[value])
    groups = {value: found[value] for value in ranked[:MOST_GROUPS]}
    return Summary(groups, others if len(ranked) > MOST_GROUPS else None, total)
