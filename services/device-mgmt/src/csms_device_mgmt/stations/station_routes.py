"""/stations: the inventory."""

from functools import partial
from typing import Annotated, Any, Literal

from csms_db.bounded import fitting
from csms_ocpp.redaction import is_secret_variable
from csms_ocpp.station_ids import RULE, checked
from csms_ocpp.versions import Protocol
from csms_runtime.http import Page, PageParams, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.fields import wrong
from csms_runtime.http.pages import MAX_PAGE_BYTES, PageRequest
from csms_runtime.passwords import MAX_LENGTH, MIN_LENGTH
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Path, Query, Response, Security
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from csms_device_mgmt import versions
from csms_device_mgmt.boot.progress import Mode
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands.checks import violations
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.parameters import StationId, existing, text_position
from csms_device_mgmt.sites.site_views import SiteId
from csms_device_mgmt.smart_charging.charging_needs import Transfer
from csms_device_mgmt.stations import station_list, station_views
from csms_device_mgmt.stations.inventory import Inventory, StationChange
from csms_device_mgmt.stations.station_filter_params import StationFilterParams
from csms_device_mgmt.stations.station_labels import Labels
from csms_device_mgmt.stations.station_list import StationPlace, StationSort
from csms_device_mgmt.stations.station_views import StationModel
from csms_device_mgmt.status import connector_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Units

NewStationId = Annotated[str, AfterValidator(checked), Path(description=RULE)]

_SORT = "The order; `-`: from the greatest on. What a station never did, or never told, comes before all others"

ROW_BYTES, CONNECTOR_BYTES = 2000, 120
"""What a station and a connector take in an answer, about."""

CREATED_OR_NOT: dict[int | str, dict[str, Any]] = {
    201: {"model": StationModel},
    409: problem("The security profile is lower than one it has connected with, or others change the station, too"),
}


class StationBody(BaseModel):
    """What an operator configures; a field that is left out keeps its value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    security_profile: Literal[1, 2, 3] | None = None
    password: str | None = Field(
        None, min_length=MIN_LENGTH, max_length=MAX_LENGTH, description="Write-only", repr=False
    )
    serial_number: str | None = Field(None, max_length=64, pattern=NO_NUL)
    organization: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        pattern=NO_NUL,
        description="What the O of a profile-3 certificate must contain; null: CSMS_ORGANIZATION",
    )
    ocpp_protocols: list[Protocol] | None = Field(
        None,
        min_length=1,
        max_length=len(Protocol),
        description="The versions of OCPP that it may speak, of those in CSMS_OCPP_PROTOCOLS; null: all of them. "
        "Counts from its next connection on",
    )
    energy_transfers: list[Transfer] | None = Field(
        None,
        min_length=1,
        max_length=len(Transfer),
        description="The energy transfers that vehicles with ISO 15118 may use: needs with another one are Rejected, "
        "and the station ends the transaction; null: all",
    )
    # Factories, for they are not in the document: a client would send what it names there, and so reset the field.
    registration: Registration = Field(default_factory=lambda: Registration.ACCEPTED)
    charging_schedules: bool = Field(
        default_factory=lambda: False,
        description="Whether a vehicle that tells what it needs (NotifyEVChargingNeeds) gets a schedule made for it",
    )
    onboarding: Mode = Field(default_factory=lambda: Mode.NONE)
    onboarding_variables: list[dict[str, Any]] = Field(
        default_factory=list,
        max_length=1000,
        description="OCPP's SetVariableDataType objects, set after the inventory has arrived",
    )
    message_timeout_s: int | None = Field(None, ge=1, le=600)
    vendor_ids: list[Annotated[str, Field(min_length=1, max_length=255, pattern=NO_NUL)]] = Field(
        default_factory=list, max_length=1000
    )
    site_id: SiteId | None = Field(None, description="The site that it belongs to, one of /sites; null: none")
    labels: Labels = Field(
        default_factory=dict,
        description="Texts by keys of letters, digits and `._/-`; they replace the ones before. At most 32",
    )

    @field_validator("password")
    @classmethod
    def _not_null(cls, password: str | None) -> str:
        if password is None:
            raise ValueError("a password cannot be removed")
        return password

    @field_validator("onboarding_variables")
    @classmethod
    def _can_be_sent(cls, elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for number, element in enumerate(elements):
            _check_variable(number, element)
        keys = [VariableKey.in_message(element).path for element in elements]
        if len(set(keys)) < len(keys):
            raise ValueError("a variable is named twice (B05.FR.13)")
        return elements

    def change(self) -> StationChange:
        """Return what was mentioned."""
        columns = self.model_dump(exclude_unset=True, exclude={"password"}, mode="json")
        return StationChange(columns, self.password)


def _check_variable(number: int, element: dict[str, Any]) -> None:
    message = versions.ONBOARDING.set_variables
    found = violations(versions.ASSUMED, *message.request([element]))
    if found:
        raise wrong(message.pointer(found[0].pointer, 0).replace("/0", f"/{number}", 1), found[0].detail)
    if is_secret_variable(element["variable"]["name"]):
        raise wrong(f"/{number}", "a secret is not kept here; use /stations/{station_id}/password")


def router(units: Units, inventory: Inventory, presence: Presence) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Stations"])
    read, admin = Security(require("read")), Security(require("admin"))

    @routes.put("/stations/{station_id}", dependencies=[admin], responses=CREATED_OR_NOT)
    async def put_station(station_id: NewStationId, body: StationBody, response: Response) -> StationModel:
        """Create (201) or change (200) a station. When this has returned, the station may connect as it says.

        409: the security profile is lower than one it has connected with (A05.FR.07).
        """
        if await inventory.put(station_id, body.change()):
            response.status_code = 201
        return await _shown(station_id)

    @routes.get("/stations/{station_id}", dependencies=[read])
    async def get_station(station_id: StationId) -> StationModel:
        """Return a station: configuration, boot data, connection, EVSEs."""
        return await _shown(station_id)

    @routes.delete("/stations/{station_id}", dependencies=[admin], status_code=204)
    async def delete_station(station_id: StationId) -> None:
        """Delete a station and all it reported; its connection is closed."""
        await inventory.delete(station_id)

    @routes.get("/stations", dependencies=[read])
    async def list_stations(
        page: PageParams,
        wanted: StationFilterParams,
        sort: Annotated[StationSort | None, Query(description=_SORT)] = None,
    ) -> Page[StationModel]:
        """List stations in order of id, with a range of firmware in the order of it, unless `sort` says otherwise."""
        named = sort or (StationSort.FIRMWARE if wanted.by_firmware else None)
        order = named or StationSort.STATION_ID
        async with units.reading() as session:
            rows = await station_list.page(
                session,
                order,
                wanted,
                gateways=presence.gateways(),
                limit=page.limit + 1,
                after=_place(page.sorted_by(named), order),
            )
            ids = [row.station_id for row in rows[: page.limit]]
            sizes = (ROW_BYTES + count * CONNECTOR_BYTES for count in await connector_rows.counts(session, ids))
            fits = fitting(sizes, MAX_PAGE_BYTES)
            of = await connector_rows.of_stations(session, ids[:fits])
        return paginate(
            rows,
            fits,
            position=partial(_position, order),
            item=lambda row: station_views.station(
                row, of.get(row.station_id, []), connected=presence.is_connected(row)
            ),
            sort=named,
        )

    async def _shown(station_id: str) -> StationModel:
        async with units.reading() as session:
            row = await existing(session, station_id)
            of = await connector_rows.of_stations(session, [row.station_id])
        return station_views.station(row, of.get(row.station_id, []), connected=presence.is_connected(row))

    return routes


def _position(order: StationSort, row: Station) -> list[Any]:
    place = StationPlace.of(row, order)
    return [place.station_id] if place.value is None else [place.value, place.station_id]


def _place(page: PageRequest, order: StationSort) -> StationPlace | None:
    if order.is_by_moment:
        position = page.after_moment()
    elif order.field == "firmware":
        position = page.after(str, str)
    else:
        after = text_position(page)
        position = None if after is None else [None, after]
    return None if position is None else StationPlace(position[1], position[0])
