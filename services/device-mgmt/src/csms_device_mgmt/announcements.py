"""Records that this service publishes."""

from datetime import datetime

from csms.v1.auth_pb2 import Placement, RegistrationStatus, StationAdmission
from csms.v1.events_pb2 import DomainEvent
from csms.v1.station_pb2 import CloseConnection, ReplyTo
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import AUTH_ADMISSIONS, EVENTS_DEVICES, GATEWAY_INBOX
from csms_runtime.clock import to_ms
from csms_runtime.ids import new_id

from csms_device_mgmt.boot.progress import Mode
from csms_device_mgmt.boot.registration import Registration, effective
from csms_device_mgmt.tables import Station

REGISTRATION_STATUS = {
    Registration.ACCEPTED: RegistrationStatus.REGISTRATION_STATUS_ACCEPTED,
    Registration.PENDING: RegistrationStatus.REGISTRATION_STATUS_PENDING,
    Registration.REJECTED: RegistrationStatus.REGISTRATION_STATUS_REJECTED,
}


def event(station_id: str, occurred_at: datetime, event_id: str | None = None, **body: object) -> Outgoing:
    """Build a domain event; `body` is one field of DomainEvent's `event`.

    An event that comes of a record on the bus gets an id made from that record's, so that a repeat can be told.
    """
    domain_event = DomainEvent(
        event_id=event_id or new_id(),
        occurred_at_ms=to_ms(occurred_at),
        station_id=station_id,
        **body,  # type: ignore[arg-type]
    )
    return Outgoing(EVENTS_DEVICES.name, new_record(station_id, event=domain_event))


def registration_status_of(station: Station) -> Registration:
    """Return the status a station counts as having. One that is to be onboarded at its first boot is Pending."""
    told = station.registration_status
    if told is None and station.onboarding == Mode.INVENTORY and station.registration == Registration.ACCEPTED:
        return Registration.PENDING
    return effective(Registration(station.registration), Registration(told) if told else None)


def admission(
    station: Station,
    *,
    password_digest: bytes = b"",
    pending_password_digest: bytes = b"",
    dropped_password_digest: bytes = b"",
    secret_key_id: str = "",
    reply_to: ReplyTo | None = None,
    correlation_id: str = "",
    deadline_ms: int = 0,
) -> Outgoing:
    """Tell auth what decides the station's admission. Without `reply_to` nobody waits for an answer.

    `secret_key_id`: of the key that the digests were made with (`csms_runtime.secret_keys.key_id`).
    """
    body = StationAdmission(
        reply_to=reply_to,
        correlation_id=correlation_id,
        deadline_ms=deadline_ms,
        revision=station.revision,
        security_profile=station.security_profile or 0,
        serial_number=station.serial_number or "",
        registration_status=REGISTRATION_STATUS[registration_status_of(station)],
        message_timeout_s=station.message_timeout_s or 0,
        password_digest=password_digest,
        pending_password_digest=pending_password_digest,
        dropped_password_digest=dropped_password_digest,
        pending_security_profile=station.pending_security_profile or 0,
        organization=station.organization or "",
        protocols=station.ocpp_protocols or (),
        placement=Placement(site_id=station.site_id or "", labels=station.labels),
        secret_key_id=secret_key_id,
    )
    return Outgoing(AUTH_ADMISSIONS.name, new_record(station.station_id, station_admission=body))


def dismissal(station_id: str, revision: int, *, reply_to: ReplyTo, correlation_id: str, deadline_ms: int) -> Outgoing:
    """Tell auth that the station was deleted."""
    body = StationAdmission(
        reply_to=reply_to,
        correlation_id=correlation_id,
        deadline_ms=deadline_ms,
        revision=revision,
        deleted=True,
    )
    return Outgoing(AUTH_ADMISSIONS.name, new_record(station_id, station_admission=body))


def close_connection(
    station_id: str, *, slot: int, epoch: int, connection_id: str, number: int, reason: str
) -> Outgoing:
    """Tell a gateway to close a connection."""
    body = CloseConnection(gateway_epoch=epoch, connection_id=connection_id, connection_number=number, reason=reason)
    return Outgoing(GATEWAY_INBOX.name, new_record(station_id, close_connection=body), partition=slot)


def next_revision(revision: int, now: datetime) -> int:
    """Return a revision above `revision`.

    Made from the clock, so that a station that is deleted and created again does not start below what auth has seen.
    """
    return max(revision + 1, to_ms(now))
