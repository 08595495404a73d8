"""BootNotification (B01, B02, B03): what an operator configured for the station is what it is told."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

from csms.v1.events_pb2 import ConnectionRefused, StationBooted
from csms_bus.ports import Outgoing
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.serial_numbers import names
from csms_ocpp.times import format_datetime
from csms_runtime import metrics

from csms_device_mgmt import announcements
from csms_device_mgmt.boot import onboarding
from csms_device_mgmt.boot.boot import FIRMWARE_UPDATE, TRIGGERED, Boot
from csms_device_mgmt.boot.registration import TRIGGERS, Registration, boot_interval, is_boot_trigger
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.command import outgoing
from csms_device_mgmt.connections.auth_events import newest_refusal
from csms_device_mgmt.deliveries import waiting
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.jobs import job_status
from csms_device_mgmt.security_profile import profile_changes
from csms_device_mgmt.station_message import Answer, Handler, StationMessage
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.stations.firmware_versions import sort_key
from csms_device_mgmt.stations.unknown_stations import known_or_created
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit

CERTIFICATE_PROFILE = 3
"""The security profile in which a station shows a certificate."""
BOOTS_WITHIN = timedelta(seconds=30)
"""After it has connected, a station says so late that it has booted. Then nobody looks whether it was asked to."""
ASKED_WITHIN = timedelta(minutes=5)
"""How long it may take to do so."""
NOT_THE_CERTIFICATES = "the serial number is not the one its certificate names"


def handler(read: Callable[[JsonObject], Boot]) -> Handler:
    """Return what handles a BootNotification; `read` reads it in the station's version."""

    async def handle(unit: Unit, message: StationMessage) -> Answer:
        return await _handle(unit, message, read(message.payload))

    return handle


async def _handle(unit: Unit, message: StationMessage, boot: Boot) -> Answer:
    """Answer with the station's registration; an unknown station that is not let in is rejected.

    A station that is yet to be onboarded is Pending meanwhile (B02).
    """
    await _check_certificate(unit, message, boot)
    station = await known_or_created(unit, message.station_id)
    status = Registration.REJECTED
    if station is not None:
        firmware_version = station.firmware_version
        is_boot = await _is_boot(unit, station, message, boot)
        _remember(station, message, boot, is_boot=is_boot)
        is_other_firmware = firmware_version not in {None, station.firmware_version}
        if is_other_firmware:
            await onboarding.firmware_changed(unit, station, message.place, message.protocol)
        status = await onboarding.booted(unit, station, message.place, message.protocol)
        _register(unit, station, status)
        unit.tell(_booted(station, message, boot, firmware_version or ""))
        if is_boot:
            profile_changes.booted(unit, station, message.place.connection_id, message.security_profile)
        if is_boot and (boot.reason == FIRMWARE_UPDATE or (boot.reason is None and is_other_firmware)):
            await job_status.booted(unit, message, boot)
        if status is Registration.ACCEPTED:
            await _deliver(unit, station, message)
    metrics.DEVICES_BOOTS.labels(status.value).inc()
    return {
        "currentTime": format_datetime(unit.now),
        "interval": boot_interval(status, unit.settings.intervals),
        "status": status.value,
    }


async def _deliver(unit: Unit, station: Station, message: StationMessage) -> None:
    """Send what waits for the station, behind the answer. If its connection is not known yet, that is told soon."""
    if station.waiting_calls and station.connection_id == message.place.connection_id:
        for command, target in await waiting.deliver(unit, station):
            unit.send(outgoing(command, target))


async def _check_certificate(unit: Unit, message: StationMessage, boot: Boot) -> None:
    """Close the connection of a station that is not the one its certificate names (B01.FR.11, B01.FR.12).

    A station may leave its serial number out: then auth's check of the certificate against the registered one is all
    there is. Raises OcppError SecurityError.
    """
    serial_number = boot.serial_number
    if message.security_profile != CERTIFICATE_PROFILE or serial_number is None:
        return
    if names(message.certificate_common_name, serial_number):
        return
    unit.send(
        announcements.close_connection(message.station_id, **message.place._asdict(), reason=NOT_THE_CERTIFICATES)
    )
    body = ConnectionRefused(
        http_status=HTTPStatus.SWITCHING_PROTOCOLS,
        reason=NOT_THE_CERTIFICATES,
        security_event="InvalidChargingStationCertificate",
    )
    station = await station_rows.find(unit.session, message.station_id)
    if station is not None:
        station.last_refusal = newest_refusal(station, message.received_at, body)
    event_id = f"{message.record_id}:refused"
    unit.tell(announcements.event(message.station_id, message.received_at, event_id, connection_refused=body))
    raise OcppError(ErrorCode.SECURITY_ERROR, NOT_THE_CERTIFICATES)


async def _is_boot(unit: Unit, station: Station, message: StationMessage, boot: Boot) -> bool:
    """Whether the station has booted: it also sends this message when asked to, and again until it is accepted.

    OCPP 1.6 has no reason that tells. There a boot comes at the beginning of a connection, for a boot ends the one
    before; but some stations keep it over a reset.
    """
    told, is_here = station.registration_status, station.boot_connection_id == message.place.connection_id
    if boot.reason is not None:
        is_repeat = told not in {None, Registration.ACCEPTED} and is_here
        return boot.reason != TRIGGERED and not is_repeat
    if is_here:
        return told == Registration.ACCEPTED and station.pending_reset is not None
    return station.booted_at is None or not await _was_asked_for(unit, station, message)


async def _was_asked_for(unit: Unit, station: Station, message: StationMessage) -> bool:
    """Whether a station of which the connection is not new was lately asked to say again that it has booted."""
    connected_at = station.connected_at if station.connection_id == message.place.connection_id else None
    if connected_at is None or message.received_at - connected_at < BOOTS_WITHIN:
        return False
    calls = await call_rows.since(unit.session, station.station_id, message.received_at - ASKED_WITHIN, TRIGGERS)
    return any(is_boot_trigger(action, request) for action, request in calls)


def _remember(station: Station, message: StationMessage, boot: Boot, *, is_boot: bool) -> None:
    station.vendor_name = boot.vendor_name
    station.model = boot.model
    station.boot_serial_number = boot.serial_number
    station.firmware_version, station.firmware_key = boot.firmware_version, sort_key(boot.firmware_version)
    station.iccid, station.imsi = boot.iccid, boot.imsi
    station.meter_type, station.meter_serial_number = boot.meter_type, boot.meter_serial_number
    if is_boot:
        station.boot_reason = boot.reason
        station.booted_at = message.received_at
        station.boot_connection_id = message.place.connection_id
        station.pending_reset = None


def _register(unit: Unit, station: Station, status: Registration) -> None:
    """Keep what the station is told; auth must know it first, for after a reconnect the station does not boot again."""
    before = announcements.registration_status_of(station)
    station.registration_status = status.value
    if before is not status:
        station.revision = announcements.next_revision(station.revision, unit.now)
        unit.tell_first(announcements.admission(station))


def _booted(station: Station, message: StationMessage, boot: Boot, firmware_version: str) -> Outgoing:
    body = StationBooted(
        reason=boot.reason or "",
        vendor_name=station.vendor_name or "",
        model=station.model or "",
        serial_number=station.boot_serial_number or "",
        firmware_version=station.firmware_version or "",
        registration_status=station.registration_status or "",
        previous_firmware_version=firmware_version,
    )
    event_id = f"{message.record_id}:booted"
    return announcements.event(station.station_id, message.received_at, event_id, station_booted=body)
