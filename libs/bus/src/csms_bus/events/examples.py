"""One example of each domain event. Every field has a value that stations or people could give it."""

from collections.abc import Mapping

from csms.v1.events_pb2 import (
    AuthorizationDecided,
    AvailabilityOrdered,
    CertificateIssued,
    CertificateRefused,
    CertificateRevoked,
    CommandCompleted,
    ConfigurationChanged,
    ConnectionRefused,
    ConnectorStatusChanged,
    DomainEvent,
    IdTokenChanged,
    PasswordChanged,
    ReportCompleted,
    SecurityProfileChanged,
    StationBooted,
    StationChanged,
    StationConnected,
    StationDisconnected,
    StationNotified,
    Transaction,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

_STATION = "CS-0001"
_MOMENT_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
_HOUR_MS = 3_600_000
_CONNECTION = "5f1e0c2ab4d94d0e8f11-000007"
_TRANSACTION_ID = "6e8d2f0a-1b7c-4f43-9d0e-2f1a3b4c5d6e"
_CARD = "04A1B2C3D4E5F6"
_ESTIMATED = ["the register was reset; it is counted on from zero"]

_ENDED = Transaction(
    id="0f8f2c0d4be7a3f1c2d98a6b54e3107c",
    station_id=_STATION,
    transaction_id=_TRANSACTION_ID,
    state="Ended",
    revision=21,
    evse_id=1,
    connector_id=1,
    id_token=_CARD,
    id_token_type="ISO14443",  # noqa: S106 the type of a card
    group_id_token="FLEET-7",  # noqa: S106 the name of a group
    group_id_token_type="Central",  # noqa: S106 as above
    started_at_ms=_MOMENT_MS - _HOUR_MS,
    ended_at_ms=_MOMENT_MS,
    stopped_reason="EVDisconnected",
    meter_start_wh=1_000.0,
    meter_stop_wh=7_250.0,
    energy_wh=18_250.0,
    energy_quality="estimated",
    energy_notes=_ESTIMATED,
    time_spent_charging_s=3_400,
    event_count=24,
    last_seq_no=24,
    gaps=[Transaction.Gap(first_seq_no=7, last_seq_no=7)],
)
_RUNNING = Transaction(
    id=_ENDED.id,
    station_id=_STATION,
    transaction_id=_TRANSACTION_ID,
    state="Active",
    revision=1,
    evse_id=1,
    connector_id=1,
    id_token=_CARD,
    id_token_type="ISO14443",  # noqa: S106 the type of a card
    remote_start_id=12,
    started_at_ms=_MOMENT_MS,
    meter_start_wh=1_000.0,
    charging_state="Charging",
    event_count=1,
)

_BODIES: Mapping[str, object] = {
    "station_connected": StationConnected(
        protocol="ocpp2.0.1",
        security_profile=2,
        connection_id=_CONNECTION,
        remote_address="192.0.2.17",
        gateway_slot=3,
        gateway_epoch=_MOMENT_MS,
    ),
    "station_disconnected": StationDisconnected(
        connection_id=_CONNECTION, reason="no answer to pings", close_code=1006, connected_at_ms=_MOMENT_MS - _HOUR_MS
    ),
    "connection_refused": ConnectionRefused(
        http_status=401,
        reason="wrong password",
        remote_address="192.0.2.17",
        security_event="FailedToAuthenticateAtCsms",
        kind="bad_credentials",
    ),
    "station_booted": StationBooted(
        reason="PowerUp",
        vendor_name="Example",
        model="AC-22",
        serial_number="SN-0001",
        firmware_version="1.4.2",
        registration_status="Accepted",
        previous_firmware_version="1.4.1",
    ),
    "connector_status_changed": ConnectorStatusChanged(
        evse_id=1,
        connector_id=1,
        status="Faulted",
        reported_at_ms=_MOMENT_MS,
        reported_status="Faulted",
        error_code="GroundFailure",
        info="RCD tripped",
        vendor_error_code="E42",
        vendor_id="com.example",
    ),
    "station_notified": StationNotified(
        action="SecurityEventNotification",
        payload=b'{"type":"SettingSystemTime","timestamp":"2026-01-01T00:00:00Z"}',
    ),
    "station_changed": StationChanged(
        change=StationChanged.CHANGE_UPDATED, site_id="north", labels={"operator": "example"}
    ),
    "report_completed": ReportCompleted(request_id=7, entries=412),
    "configuration_changed": ConfigurationChanged(
        call_id="a1c9b7a0c6f64f1d9e52-000009",
        values=[
            ConfigurationChanged.Value(
                component="OCPPCommCtrlr", variable="HeartbeatInterval", attribute_type="Actual", value="300"
            )
        ],
        count=1,
    ),
    "availability_ordered": AvailabilityOrdered(
        call_id="a1c9b7a0c6f64f1d9e52-00000a", evse_id=1, connector_id=1, operative=False, status="Scheduled"
    ),
    "command_completed": CommandCompleted(
        call_id="a1c9b7a0c6f64f1d9e52-000009",
        action="Reset",
        outcome="result",
        status="Accepted",
        origin="device-mgmt",
        requested_by="support",
        sent_at_ms=_MOMENT_MS - 480,
        completed_at_ms=_MOMENT_MS,
    ),
    "security_profile_changed": SecurityProfileChanged(from_profile=1, to_profile=2),
    "authorization_decided": AuthorizationDecided(
        id_token=_CARD,
        id_token_type="ISO14443",  # noqa: S106 the type of a card
        evse_id=1,
        status="Expired",
        reason="expired",
        group_id_token="FLEET-7",  # noqa: S106 the name of a group
        group_id_token_type="Central",  # noqa: S106 as above
        purpose="transaction",
        transaction_id=_TRANSACTION_ID,
        transaction=_ENDED.id,
        asked_at_ms=_MOMENT_MS,
    ),
    "id_token_changed": IdTokenChanged(id_token=_CARD, type="ISO14443", status="Blocked"),
    "password_changed": PasswordChanged(password_set=True, revision=_MOMENT_MS),
    "certificate_issued": CertificateIssued(
        certificate_type="ChargingStationCertificate",
        serial_number="4f1a",
        subject="CN=SN-0001,O=CSMS",
        not_after_ms=_MOMENT_MS + 365 * 24 * _HOUR_MS,
    ),
    "certificate_refused": CertificateRefused(
        certificate_type="ChargingStationCertificate", reason="the CSR's CN is not the station's serial number"
    ),
    "certificate_revoked": CertificateRevoked(serial_number="4f1a", reason="keyCompromise"),
    "transaction_started": TransactionStarted(
        transaction_id=_TRANSACTION_ID,
        evse_id=1,
        connector_id=1,
        id_token=_CARD,
        id_token_type="ISO14443",  # noqa: S106 the type of a card
        remote_start_id=12,
        started_at_ms=_MOMENT_MS,
        transaction=_RUNNING,
    ),
    "transaction_updated": TransactionUpdated(
        transaction_id=_TRANSACTION_ID,
        charging_state="Charging",
        seq_no=1,
        energy_wh=120.0,
        energy_quality="measured",
        evse_id=1,
        connector_id=1,
        id_token=_CARD,
        id_token_type="ISO14443",  # noqa: S106 the type of a card
        transaction=_RUNNING,
    ),
    "transaction_ended": TransactionEnded(
        transaction_id=_TRANSACTION_ID,
        stopped_reason="EVDisconnected",
        ended_at_ms=_MOMENT_MS,
        energy_wh=18_250.0,
        energy_quality="estimated",
        energy_notes=_ESTIMATED,
        transaction=_ENDED,
    ),
}
_ABOUT_NO_STATION = frozenset({"id_token_changed"})


def _event(name: str, body: object) -> DomainEvent:
    event = DomainEvent(event_id="c0ffee00c6f64f1d9e52-000001", occurred_at_ms=_MOMENT_MS, **{name: body})  # type: ignore[arg-type]
    if name not in _ABOUT_NO_STATION:
        event.station_id = _STATION
    return event


EXAMPLES: Mapping[str, DomainEvent] = {name: _event(name, body) for name, body in _BODIES.items()}


def example_of(name: str) -> DomainEvent:
    """Return a new copy of an event's example. Raises KeyError for a name that is none."""
    copy = DomainEvent()
    copy.CopyFrom(EXAMPLES[name])
    return copy
