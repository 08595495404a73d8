"""Which stations of the list are meant: each filter has an index, or a narrow table that is searched.

But `connected`, and those by a time of the connection: these change too often for an index.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from csms_db.sql import apart, holds_lowered
from csms_ocpp.versions import Protocol
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.faults import fault_rows
from csms_device_mgmt.stations import station_labels, station_rows
from csms_device_mgmt.stations.firmware_versions import sort_key
from csms_device_mgmt.tables import Connector, Station, StationText

_EQUAL: Mapping[str, InstrumentedAttribute[Any]] = {
    "site_id": Station.site_id,
    "vendor": Station.vendor_name,
    "model": Station.model,
    "protocol": Station.connection_protocol,
    "security_profile": Station.security_profile,
    "connection_security_profile": Station.connection_security_profile,
}
"""Filters by a column, which has an index of its own."""
_SINCE: Mapping[str, InstrumentedAttribute[Any]] = {
    "connected_since": Station.connected_at,
    "last_seen_since": Station.last_seen,
}
_UNTIL: Mapping[str, InstrumentedAttribute[Any]] = {
    "connected_until": Station.connected_at,
    "last_seen_until": Station.last_seen,
}


class Search(NamedTuple):
    """A query of another table that finds the ids of stations."""

    found: Select[str]
    key: ColumnElement[str]
    """The id as it has to be ordered by there, so that an index helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFilter:
    """Which stations; None: any. What each means is said where the API takes it (`station_filter_params`)."""

    connected: bool | None = None
    connected_since: datetime | None = None
    connected_until: datetime | None = None
    last_seen_since: datetime | None = None
    last_seen_until: datetime | None = None
    connector_status: str | None = None
    faulted_since: datetime | None = None
    registration: Registration | None = None
    site_id: str | None = None
    labels: Sequence[str] = ()
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    firmware_from: str | None = None
    firmware_below: str | None = None
    protocol: Protocol | None = None
    security_profile: int | None = None
    connection_security_profile: int | None = None
    q: str | None = None

    @property
    def indexed(self) -> bool:
        """Whether one of the conditions has an index that goes on with the id."""
        wanted = (self.registration, self.firmware, *(getattr(self, name) for name in _EQUAL))
        return any(value is not None for value in wanted)

    @property
    def by_firmware(self) -> bool:
        """Whether a range of firmware is wanted: in the order of the firmware its index helps."""
        return self.firmware_from is not None or self.firmware_below is not None

    def conditions(self, gateways: Iterable[tuple[int, int]]) -> Sequence[ColumnElement[bool]]:
        """Return the conditions on a station's row. `gateways` live: (slot, epoch)."""
        found = [column == value for column, value in self._given(_EQUAL)]
        found += [column >= moment for column, moment in self._given(_SINCE)]
        found += [column < moment for column, moment in self._given(_UNTIL)]
        found += self._of_firmware()
        if self.registration is not None:
            found.append(station_rows.has_registration(self.registration))
        if self.connected is not None:
            is_connected = station_rows.is_connected(gateways)
            found.append(is_connected if self.connected else ~is_connected)
        return found

    def _given(
        self, columns: Mapping[str, InstrumentedAttribute[Any]]
    ) -> Iterable[tuple[InstrumentedAttribute[Any], Any]]:
        return ((column, value) for name, column in columns.items() if (value := getattr(self, name)) is not None)

    def _of_firmware(self) -> list[ColumnElement[bool]]:
        key, found = Station.firmware_key, []
        if self.firmware is not None:
            found.append(key == sort_key(self.firmware))
        if self.by_firmware:
            found.append(key >= sort_key(self.firmware_from) if self.firmware_from is not None else key > "")
        if self.firmware_below is not None:
            found.append(key < sort_key(self.firmware_below))
        return found

    def searches(self) -> Sequence[Search]:
        """Return what is to be searched beside the stations' rows."""
        found = [Search(station_labels.having(label), station_labels.ORDER) for label in dict.fromkeys(self.labels)]
        if self.connector_status is not None:
            key = apart(Connector.station_id)
            found.append(Search(select(key).where(Connector.status == self.connector_status).group_by(key), key))
        if self.faulted_since is not None:
            found.append(Search(fault_rows.of_stations_since(self.faulted_since), fault_rows.ORDER))
        if self.q:
            texts = select(StationText.station_id).where(holds_lowered(StationText.text, self.q))
            found.append(Search(texts, StationText.station_id.expression))
        return found
