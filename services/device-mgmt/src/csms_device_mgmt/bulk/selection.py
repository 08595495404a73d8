"""Which stations a command for many is for. The selection is made once, slice by slice, when the job begins."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from csms_ocpp import station_ids
from csms_ocpp.versions import Protocol
from csms_runtime.http.fields import UtcMoment
from csms_runtime.texts import NO_NUL
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.sites.site_views import SiteId
from csms_device_mgmt.stations import station_labels
from csms_device_mgmt.stations.station_filter_params import MOST_LABELS, Label, Version
from csms_device_mgmt.stations.station_filters import StationFilter
from csms_device_mgmt.stations.station_labels import Labels
from csms_device_mgmt.tables import Station

SLICE = 500
"""Stations that are selected in one transaction."""
MOST_IDS = 100_000
"""Of a request, whatever the setting says: its body is bounded, too."""


Told = Annotated[str | None, Field(max_length=50, pattern=NO_NUL)]


class FilterBody(BaseModel):
    """The filters of GET /stations, by the same names."""

    model_config = ConfigDict(extra="forbid")

    connected: bool | None = None
    connected_since: UtcMoment | None = None
    connected_until: UtcMoment | None = None
    last_seen_since: UtcMoment | None = None
    last_seen_until: UtcMoment | None = None
    connector_status: Annotated[str | None, Field(max_length=16, pattern=NO_NUL)] = None
    faulted_since: UtcMoment | None = None
    registration: Registration | None = None
    site_id: SiteId | None = None
    label: list[Label] | None = Field(None, max_length=MOST_LABELS, description="Each as `key:value`")
    vendor: Told = None
    model: Told = None
    firmware: Version | None = None
    firmware_from: Version | None = None
    firmware_below: Version | None = None
    protocol: Protocol | None = None
    security_profile: int | None = Field(None, ge=1, le=3)
    connection_security_profile: int | None = Field(None, ge=1, le=3)
    q: str | None = Field(None, min_length=1, max_length=100, pattern=NO_NUL)

    def fields(self) -> dict[str, Any]:
        """Return what is wanted, as StationFilter has it."""
        found = {name: getattr(self, name) for name in self.model_fields_set if name != "label"}
        return {**found, "labels": self.label or ()}


StationName = Annotated[str, Field(min_length=1, max_length=station_ids.MAX_LENGTH, pattern=NO_NUL)]


class Selection(BaseModel):
    """Which stations. Of several conditions all must hold; an empty filter selects all stations."""

    model_config = ConfigDict(extra="forbid")

    ids: list[StationName] | None = Field(None, min_length=1, max_length=MOST_IDS)
    site_id: SiteId | None = Field(None, description="Those of this site")
    labels: Labels | None = Field(None, min_length=1, description="Those with all of these labels")
    filter: FilterBody | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("say which stations: ids, site_id, labels, or a filter, which may be empty: all")
        if self.site_id is not None and self.filter is not None and self.filter.site_id is not None:
            raise ValueError("name one site_id")
        return self

    @property
    def wanted(self) -> StationFilter | None:
        """What must hold for stations; None: nothing, they are named."""
        if self.filter is None and self.site_id is None and self.labels is None:
            return None
        found = {} if self.filter is None else self.filter.fields()
        if self.site_id is not None:
            found["site_id"] = self.site_id
        found["labels"] = [*found.get("labels", ()), *station_labels.written(self.labels or {})]
        return StationFilter(**found)

    def stored(self) -> dict[str, Any]:
        """Return it as it is stored, each identity once."""
        found = self.model_dump(mode="json", exclude_none=True)
        if self.ids is not None:
            found["ids"] = list({station_ids.key(name): name for name in reversed(self.ids)}.values())[::-1]
        return found

    def shown(self) -> dict[str, Any]:
        """Return it as the API shows it: of many ids the number."""
        found = self.model_dump(mode="json", exclude_none=True)
        if self.ids is not None and len(self.ids) > SLICE:
            found["ids"] = self.ids[:SLICE]
        return found


async def count(session: AsyncSession, selection: Selection, presence: Presence, *, most: int) -> int:
    """Return how many stations are selected; one more than `most` for any larger number."""
    if selection.ids is not None:
        return len(selection.ids)
    some = select(Station.station_id).where(*_conditions(selection.wanted, presence)).limit(most + 1)
    return await session.scalar(select(func.count()).select_from(some.subquery())) or 0


async def has(session: AsyncSession, selection: Selection, presence: Presence, station_id: str) -> bool:
    """Whether a station that is known is selected."""
    key = station_ids.key(station_id)
    if selection.ids is not None and key not in map(station_ids.key, selection.ids):
        return False
    which = select(Station.station_id).where(Station.station_id == station_id)
    return await session.scalar(which.where(*_conditions(selection.wanted, presence))) is not None


async def following(
    session: AsyncSession, selection: Selection, presence: Presence, after: str | None, *, most: int | None = None
) -> tuple[Sequence[str], str | None]:
    """Return the next stations, and the `after` of those behind them; None: these were the last.

    `most`: how many at most; None: a slice.
    """
    limit = most or SLICE
    if selection.ids is not None:
        begin = int(after) if after and after.isdecimal() else 0
        return await _named(session, selection, presence, begin, limit)
    found = select(Station.station_id).where(*_conditions(selection.wanted, presence))
    if after is not None:
        found = found.where(Station.station_id > after)
    ids = (await session.scalars(found.order_by(Station.station_id).limit(limit))).all()
    return ids, ids[-1] if len(ids) == limit else None


async def _named(
    session: AsyncSession, selection: Selection, presence: Presence, begin: int, limit: int
) -> tuple[Sequence[str], str | None]:
    names = (selection.ids or [])[begin : begin + limit]
    end = begin + len(names)
    keys = {station_ids.key(name): name for name in names}
    wanted = select(Station.station_key, Station.station_id).where(Station.station_key.in_(keys))
    if selection.wanted is not None:
        wanted = wanted.where(*_conditions(selection.wanted, presence))
    known = {row.station_key: row.station_id for row in await session.execute(wanted)}
    chosen = [known.get(key, name) for key, name in keys.items() if selection.wanted is None or key in known]
    return chosen, str(end) if end < len(selection.ids or ()) else None


def _conditions(wanted: StationFilter | None, presence: Presence) -> list[ColumnElement[bool]]:
    if wanted is None:
        return []
    searched = (Station.station_id.in_(search.found) for search in wanted.searches())
    return [*wanted.conditions(presence.gateways()), *searched]
