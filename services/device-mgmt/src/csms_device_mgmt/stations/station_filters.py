"""Which stations of the list are meant: each filter has an index, or a narrow table that is searched."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from csms_db.sql import holds_lowered
from csms_runtime.texts import NO_NUL
from fastapi import Query
from pydantic import AfterValidator, Field
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.sites.site_views import SITE_ID
from csms_device_mgmt.stations import station_labels, station_rows
from csms_device_mgmt.tables import Station, StationText

MOST_LABELS = 10
"""Of a query."""

_EQUAL: Mapping[str, InstrumentedAttribute[Any]] = {"site_id": Station.site_id}
"""Filters by a column, which has an index of its own."""


class Search(NamedTuple):
    """A query of another table that finds the ids of stations."""

    found: Select[str]
    key: ColumnElement[str] | InstrumentedAttribute[str]
    """The id as it has to be ordered by there, so that an index helps."""


@dataclass(frozen=True, slots=True)
class StationFilter:
    """Which stations; None: any. See `station_filter` for what each means."""

    connected: bool | None = None
    registration: Registration | None = None
    site_id: str | None = None
    labels: Sequence[str] = ()
    q: str | None = None

    @property
    def indexed(self) -> bool:
        """Whether one of the conditions has an index that goes on with the id."""
        return self.registration is not None or any(getattr(self, name) is not None for name in _EQUAL)

    def conditions(self, gateways: Iterable[tuple[int, int]]) -> Sequence[ColumnElement[bool]]:
        """Return the conditions on a station's row. `gateways` live: (slot, epoch)."""
        found = [column == value for name, column in _EQUAL.items() if (value := getattr(self, name)) is not None]
        if self.registration is not None:
            found.append(station_rows.has_registration(self.registration))
        if self.connected is not None:
            is_connected = station_rows.is_connected(gateways)
            found.append(is_connected if self.connected else ~is_connected)
        return found

    def searches(self) -> Sequence[Search]:
        """Return what is to be searched beside the stations' rows."""
        found = [Search(station_labels.having(label), station_labels.ORDER) for label in dict.fromkeys(self.labels)]
        if self.q:
            texts = select(StationText.station_id).where(holds_lowered(StationText.text, self.q))
            found.append(Search(texts, StationText.station_id))
        return found


def _checked(label: str) -> str:
    if not station_labels.is_label(label):
        raise ValueError('a label is written "key:value"')
    return label


async def station_filter(
    *,
    connected: bool | None = None,
    registration: Annotated[Registration | None, Query(description="As the station was last told")] = None,
    site_id: Annotated[str | None, Query(pattern=SITE_ID, description="The site that it belongs to")] = None,
    label: Annotated[
        list[Annotated[str, Field(max_length=station_labels.MAX_LABEL), AfterValidator(_checked)]] | None,
        Query(max_length=MOST_LABELS, description="`key:value`; given more than once: the station has all of them"),
    ] = None,
    q: Annotated[
        str | None,
        Query(max_length=100, pattern=NO_NUL, description="In id, vendor, model or serial number"),
    ] = None,
) -> StationFilter:
    """Read the filters of a query: a dependency."""
    return StationFilter(connected, registration, site_id, label or (), q)
