"""/stations/{id}/security-profile: moving a station to a higher security profile (A05)."""

from typing import Annotated, Literal

from csms_runtime.http import Problem, require
from csms_runtime.http.documented import problem
from csms_runtime.http.problems import FieldError
from fastapi import APIRouter, Response, Security
from pydantic import BaseModel, ConfigDict, Field

from csms_device_mgmt import versions
from csms_device_mgmt.announcements import registration_status_of
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands.execution import needed
from csms_device_mgmt.parameters import StationId, existing, location
from csms_device_mgmt.security_profile import profile_changes, security_profile_views
from csms_device_mgmt.security_profile.change import ENDED, Step, Wanted
from csms_device_mgmt.security_profile.security_profile_views import SecurityProfileModel
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit, Units

CERTIFICATE_PROFILE = 3
MESSAGE_TIMEOUT_S = 30
"""What a station is told if nothing else is configured."""

Slot = Annotated[int, Field(ge=0, lt=2**31)]


class SecurityProfileBody(BaseModel):
    """What is wanted."""

    model_config = ConfigDict(extra="forbid")

    security_profile: Literal[2, 3]
    configuration_slot: Slot = Field(1, description="Where the station keeps the new network profile")
    ocpp_csms_url: str | None = Field(
        None,
        pattern=r"^wss://[^\x00\s@]+$",
        max_length=512,
        description="Without the station's identity, and without user information; null: CSMS_PUBLIC_OCPP_URL_TLS",
    )
    message_timeout_s: int | None = Field(None, ge=1, le=600, description="null: the station's, else 30")
    ocpp_interface: str = Field(
        "Wired0",
        max_length=10,
        pattern="^(Wired[0-3]|Wireless[0-3]|Any)$",
        description="OCPPInterfaceEnumType; Any: OCPP 2.1 alone",
    )
    network_configuration_priority: list[Slot] | None = Field(
        None,
        min_length=1,
        max_length=16,
        description="Slots, the one to be used first in front; null: the station is asked for its present ones, which "
        "come behind the new one",
    )
    reset_type: Literal["OnIdle", "Immediate"] = Field(
        "OnIdle",
        description="How the station is reset. OCPP 1.6 has a hard reset only, which ends running transactions",
    )
    new_certificate: bool | None = Field(
        None,
        description="Whether the station is asked for a certificate request first; null: for profile 3, when it took "
        "none that is still valid",
    )


def router(units: Units, settings: DeviceSettings) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Stations"])
    read, admin = Security(require("read")), Security(require("admin"))
    path = "/stations/{station_id}/security-profile"

    @routes.post(
        path,
        dependencies=[admin],
        status_code=202,
        responses={409: problem("It cannot get that profile as things are; `title` says why")},
    )
    async def change_security_profile(
        station_id: StationId, body: SecurityProfileBody, response: Response
    ) -> SecurityProfileModel:
        """Have the station connect with a higher security profile, step by step; GET tells how far it got.

        A station that is not connected is asked when it is. A repeat of what is under way or done changes nothing.
        409: the station has that profile already, or a higher one (A05.FR.07), is rejected, has no
        serial number for profile 3, or another change is under way.
        """
        async with units.open() as unit:
            station = await _locked(unit, station_id)
            await _ask(unit, station, body, settings)
            response.headers["Location"] = location("stations", station_id, "security-profile")
            return security_profile_views.security_profile(station)

    @routes.get(path, dependencies=[read])
    async def get_security_profile(station_id: StationId) -> SecurityProfileModel:
        """Return the station's security profile, and the last change of it that was asked for."""
        async with units.reading() as session:
            return security_profile_views.security_profile(await existing(session, station_id))

    @routes.delete(path, dependencies=[admin])
    async def give_up_security_profile_change(station_id: StationId) -> SecurityProfileModel:
        """Give up the change that is under way, if there is one.

        What the station has been told already stays: with the new profile it is let in.
        """
        async with units.open() as unit:
            station = await _locked(unit, station_id)
            change = profile_changes.change_of(station)
            if change is not None and change.step not in ENDED:
                profile_changes.cancel(unit, station, change)
            return security_profile_views.security_profile(station)

    return routes


async def _locked(unit: Unit, station_id: str) -> Station:
    await station_rows.lock(unit.session, [station_id])
    return await existing(unit.session, station_id)


async def _ask(unit: Unit, station: Station, body: SecurityProfileBody, settings: DeviceSettings) -> None:
    """Begin a change, unless this one is under way or done. Raises Problem 409, 422."""
    change = profile_changes.change_of(station)
    if change is not None and change.step is Step.DONE and station.reached_security_profile == body.security_profile:
        return
    wanted = _wanted(unit, station, body, settings)
    if change is None or change.step in ENDED:
        await profile_changes.begin(unit, station, wanted)
    elif not _same(change.wanted, wanted):
        raise Problem(409, "Change under way", "another change is under way; DELETE gives it up")


def _wanted(unit: Unit, station: Station, body: SecurityProfileBody, settings: DeviceSettings) -> Wanted:
    """Return what is to be done. Raises Problem 409, 422."""
    _check(station, body.security_profile)
    steps = versions.of_station(station.connection_protocol).profile_steps
    has_network_profiles = steps is None or steps.has_network_profiles
    url = body.ocpp_csms_url or settings.public_ocpp_url_tls or ("" if not has_network_profiles else None)
    if url is None:
        errors = [FieldError("/ocpp_csms_url", "needed, for CSMS_PUBLIC_OCPP_URL_TLS is not set")]
        raise Problem(422, "Invalid request", "no address to connect to", errors=errors)
    slots = body.network_configuration_priority
    if slots is not None and slots[0] != body.configuration_slot:
        errors = [FieldError("/network_configuration_priority/0", "the new slot is used first (A05)")]
        raise Problem(422, "Invalid request", "the new slot is not the first one", errors=errors)
    has_certificate = station.certificate_not_after is not None and station.certificate_not_after > unit.now
    needs_certificate = body.security_profile == CERTIFICATE_PROFILE and not has_certificate
    return Wanted(
        security_profile=body.security_profile,
        configuration_slot=body.configuration_slot,
        ocpp_csms_url=url,
        message_timeout_s=body.message_timeout_s or station.message_timeout_s or MESSAGE_TIMEOUT_S,
        ocpp_interface=body.ocpp_interface,
        network_configuration_priority=_priority(slots, has_network_profiles=has_network_profiles),
        reset_type=body.reset_type,
        new_certificate=needs_certificate if body.new_certificate is None else body.new_certificate,
    )


def _priority(slots: list[int] | None, *, has_network_profiles: bool) -> tuple[int, ...] | None:
    """Return the slots that a station is to use; None: it is asked for those that it uses now."""
    if not has_network_profiles:
        return ()
    return None if slots is None else tuple(slots)


def _same(one: Wanted, other: Wanted) -> bool:
    """Whether both ask for the same; that the station got a certificate since makes no difference."""
    return one == other.model_copy(update={"new_certificate": one.new_certificate})


def _check(station: Station, wanted: int) -> None:
    present = station_rows.profiles_of(station).present
    if wanted <= present:
        detail = f"the station has security profile {present}: it can only get a higher one (A05.FR.07)"
        raise Problem(409, "Security profile cannot be lowered", detail)
    version = versions.of_station(station.connection_protocol)
    needed(version, version.profile_steps, "network profiles")
    if registration_status_of(station) is Registration.REJECTED:
        raise Problem(409, "Station is rejected", "a rejected station is sent nothing (B03.FR.03)")
    if wanted == CERTIFICATE_PROFILE and not station.serial_number:
        detail = "profile 3 needs the serial number that the certificate names (A00.FR.405)"
        raise Problem(409, "No serial number", detail)
