"""The tables. One schema (PostgreSQL) or file (SQLite) belongs to this service alone."""

from datetime import datetime
from typing import Any

from csms_db.answers import answers_table
from csms_db.base import NAMING_CONVENTION, BigId, Json, UtcDateTime
from csms_db.counting import counts_table
from csms_db.outbox import outbox_table
from csms_db.packed import PackedJson
from csms_db.sql import apart
from sqlalchemy import (
    BigInteger,
    Float,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    column,
    false,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

STATION_ID = String(48)
SITE_ID = String(48)
BYTES = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that is compared by its bytes."""
JsonValue = dict[str, Any]


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where))


def _of_station(name: str, column_name: str) -> Index:
    """Return an index of a filter that goes on with the station."""
    return Index(name, column_name, apart(column("station_id", STATION_ID)))


STATION_FILTERS = {
    "site": "site_id",
    "vendor": "vendor_name",
    "model": "model",
    "firmware": "firmware_key",
    "protocol": "connection_protocol",
    "security_profile": "security_profile",
    "connection_security_profile": "connection_security_profile",
}
"""Filters of the list of stations → column."""


class Base(DeclarativeBase):
    """Base of this service's tables."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Station(Base):
    """A station: what operators configured, what it told at boot, where it is connected."""

    __tablename__ = "stations"
    __table_args__ = (
        Index("ix_stations_station_key", "station_key", unique=True),
        Index(
            "ix_stations_registration",
            func.coalesce(column("registration_status", STATION_ID), column("registration", STATION_ID)),
            apart(column("station_id", STATION_ID)),
        ),
        *(_of_station(f"ix_stations_{name}", of) for name, of in STATION_FILTERS.items()),
    )

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    # What identities are compared by (`station_ids.key`).
    station_key: Mapped[str] = mapped_column(STATION_ID, server_default=text("''"))
    # What operators configured.
    security_profile: Mapped[int | None]
    serial_number: Mapped[str | None] = mapped_column(Text)
    # What the O of its certificate contains; none: what is set for all.
    organization: Mapped[str | None] = mapped_column(Text)
    # The versions of OCPP that it may speak; none: what is set for all.
    ocpp_protocols: Mapped[list[str] | None] = mapped_column(Json)
    # Whether vehicles that tell what they need get schedules, and the energy transfers they may use; none: any.
    charging_schedules: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    energy_transfers: Mapped[list[str] | None] = mapped_column(Json)
    registration: Mapped[str] = mapped_column(String(8))
    onboarding: Mapped[str] = mapped_column(String(16))
    # OCPP's SetVariableDataType objects, without secrets; and boot.progress.Progress.
    onboarding_variables: Mapped[list[JsonValue]] = mapped_column(Json, server_default=text("'[]'"))
    onboarding_progress: Mapped[JsonValue | None] = mapped_column(Json)
    message_timeout_s: Mapped[int | None]
    vendor_ids: Mapped[list[str]] = mapped_column(Json)
    site_id: Mapped[str | None] = mapped_column(SITE_ID)
    # Found by `StationLabel`.
    labels: Mapped[dict[str, str]] = mapped_column(Json, server_default=text("'{}'"))
    password_set: Mapped[bool]
    # The revision with which that was last said here; what auth says of an earlier one is outdated.
    password_revision: Mapped[int | None] = mapped_column(BigInteger)
    # Grows with every change that auth is told of; made from the clock so that it grows across deletions, too.
    revision: Mapped[int] = mapped_column(BigInteger)
    next_request_id: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The highest profile it has connected with, and a higher one it may come with; see security_profile.profiles.
    reached_security_profile: Mapped[int | None]
    pending_security_profile: Mapped[int | None]
    # security_profile.change.ProfileChange: the last one that was asked for.
    security_profile_change: Mapped[JsonValue | None] = mapped_column(Json)
    # The end of the ChargingStationCertificate that it accepted last.
    certificate_not_after: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # What the station was last told and told us at boot.
    registration_status: Mapped[str | None] = mapped_column(String(8))
    vendor_name: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    boot_serial_number: Mapped[str | None] = mapped_column(Text)
    firmware_version: Mapped[str | None] = mapped_column(Text)
    # What it is ordered by (`firmware_versions.sort_key`), by bytes; empty: none is known.
    firmware_key: Mapped[str] = mapped_column(BYTES, server_default=text("''"))
    iccid: Mapped[str | None] = mapped_column(Text)
    imsi: Mapped[str | None] = mapped_column(Text)
    # Only stations of OCPP 1.6 tell.
    meter_type: Mapped[str | None] = mapped_column(Text)
    meter_serial_number: Mapped[str | None] = mapped_column(Text)
    boot_reason: Mapped[str | None] = mapped_column(Text)
    # A reset it agreed to since: call_id, type, status, answered_at.
    pending_reset: Mapped[JsonValue | None] = mapped_column(Json)
    # Of its last boot, and the connection it told it on; none that was asked for (TriggerMessage) counts.
    booted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    boot_connection_id: Mapped[str | None] = mapped_column(String(64))
    # Its newest connection: the one of the highest number.
    last_seen: Mapped[datetime | None] = mapped_column(UtcDateTime)
    connection_open: Mapped[bool]
    connection_slot: Mapped[int | None]
    connection_epoch: Mapped[int | None] = mapped_column(BigInteger)
    connection_id: Mapped[str | None] = mapped_column(String(64))
    connection_number: Mapped[int | None] = mapped_column(BigInteger)
    connection_protocol: Mapped[str | None] = mapped_column(String(16))
    connection_security_profile: Mapped[int | None]
    remote_address: Mapped[str | None] = mapped_column(Text)
    connected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    close_code: Mapped[int | None]
    close_reason: Mapped[str | None] = mapped_column(Text)
    # When and why it was not let in: refused_at, http_status, reason, remote_address, security_event.
    last_refusal: Mapped[JsonValue | None] = mapped_column(Json)
    rate_limited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # How many calls wait for it to come back (WaitingCall).
    waiting_calls: Mapped[int] = mapped_column(server_default=text("0"))
    # What its history takes, see history.history_rows; what came before that moment gave way to newer history.
    history_bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    history_since: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StationLabel(Base):
    """A label of a station as "key:value", for finding stations by it. Written with the station's `labels`."""

    __tablename__ = "station_labels"
    __table_args__ = (_of_station("ix_station_labels_label", "label"),)

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    label: Mapped[str] = mapped_column(Text, primary_key=True)


class Site(Base):
    """A place with stations, as operators describe it."""

    __tablename__ = "sites"

    site_id: Mapped[str] = mapped_column(SITE_ID, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    # In degrees (WGS 84).
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
    # As IANA names it.
    time_zone: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StationText(Base):
    """What a station is searched by, in lower case. Triggers write it (migration 0021), nobody else does."""

    __tablename__ = "station_texts"

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    text: Mapped[str] = mapped_column(Text)


class Connector(Base):
    """The last reported status of a connector; connector 0 stands for the EVSE itself."""

    __tablename__ = "connectors"
    __table_args__ = (_of_station("ix_connectors_status", "status"),)

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    evse_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    connector_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(16))
    # The station's time of the change (unless it is implausible), and the gateway's time of the message.
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_own_time: Mapped[bool] = mapped_column(server_default=text("true"))
    # What a station of OCPP 1.6 said in its own words: status, errorCode, info, vendorErrorCode, vendorId.
    reported: Mapped[JsonValue | None] = mapped_column(Json)


class Variable(Base):
    """One attribute of one variable of a station's device model, as last reported, read or set."""

    __tablename__ = "variables"

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    path: Mapped[str] = mapped_column(Text, primary_key=True)
    component_name: Mapped[str] = mapped_column(Text)
    component_instance: Mapped[str | None] = mapped_column(Text)
    evse_id: Mapped[int | None] = mapped_column(BigInteger)
    connector_id: Mapped[int | None] = mapped_column(BigInteger)
    variable_name: Mapped[str] = mapped_column(Text)
    variable_instance: Mapped[str | None] = mapped_column(Text)
    attribute_type: Mapped[str] = mapped_column(String(8))
    value: Mapped[str | None] = mapped_column(Text)
    # Known only from a report.
    mutability: Mapped[str | None] = mapped_column(String(16))
    persistent: Mapped[bool | None]
    constant: Mapped[bool | None]
    characteristics: Mapped[JsonValue | None] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Report(Base):
    """A report that comes in parts, asked for or not. `message` names what carries the parts (reports.series)."""

    __tablename__ = "assembled_reports"
    __table_args__ = (Index("ix_assembled_reports_created_at", "created_at"),)

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    message: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str | None] = mapped_column(String(64))
    call_id: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    generated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Of what has arrived: the seqNo of the last part, how many from 0 on have no gap, and how many entries they have.
    last_seq_no: Mapped[int | None] = mapped_column(BigInteger)
    parts_in_row: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    entry_count: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    # When its first part was received.
    first_part_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ReportPart(Base):
    """One message of a report; those that have no seqNo are numbered as they come."""

    __tablename__ = "assembled_report_parts"
    __table_args__ = (
        Index("ix_assembled_report_parts_station_id_received_at", "station_id", "received_at"),
        Index(
            "ix_assembled_report_parts_digest",
            "station_id",
            "message",
            "request_id",
            "digest",
            postgresql_where=text("digest IS NOT NULL"),
            sqlite_where=text("digest IS NOT NULL"),
        ),
    )

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    message: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq_no: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tbc: Mapped[bool]
    # Of the entries: how many, the bytes of their JSON, and where the message has no seqNo its SHA-256, by which a
    # repeat is told.
    entry_count: Mapped[int] = mapped_column(server_default=text("0"))
    size: Mapped[int] = mapped_column(server_default=text("0"))
    digest: Mapped[str | None] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    entries: Mapped[list[Any]] = mapped_column(PackedJson)


class Job(Base):
    """Work that a station was asked for and reports on: a firmware update, its publication, a log upload."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_station_id_kind_created_at", "station_id", "kind", "created_at", "request_id"),
        Index("ix_jobs_updated_at", "updated_at"),
    )

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # None: the station reports on work that nobody asked for here.
    call_id: Mapped[str | None] = mapped_column(String(64))
    request: Mapped[JsonValue | None] = mapped_column(Json)
    response: Mapped[JsonValue | None] = mapped_column(Json)
    state: Mapped[str] = mapped_column(String(16))
    # As the station reported it last.
    status: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobStep(Base):
    """One message of the station about a job."""

    __tablename__ = "job_steps"
    __table_args__ = (
        Index("ix_job_steps_job", "station_id", "kind", "request_id", "received_at"),
        Index("ix_job_steps_station_id_received_at", "station_id", "received_at"),
    )

    record_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    kind: Mapped[str] = mapped_column(String(16))
    request_id: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(64))
    # Of the detail's JSON, in bytes.
    size: Mapped[int] = mapped_column(server_default=text("0"))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    detail: Mapped[JsonValue] = mapped_column(PackedJson)


class LogUpload(Base):
    """A log that a station was asked to upload to the CSMS, and the file that came."""

    __tablename__ = "log_uploads"
    __table_args__ = (
        Index("ix_log_uploads_station_id", "station_id", "asked_at", "upload_id"),
        Index("ix_log_uploads_asked_at", "asked_at"),
    )

    upload_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    # Of the GetLog.
    request_id: Mapped[int] = mapped_column(BigInteger)
    password_digest: Mapped[bytes]
    # log_uploads.upload.UploadState
    state: Mapped[str] = mapped_column(String(16))
    # The one that counts when it is received; else the last one that began.
    attempt: Mapped[int]
    name: Mapped[str | None] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LogPiece(Base):
    """A piece of a file that was uploaded."""

    __tablename__ = "log_pieces"
    __table_args__ = (Index("ix_log_pieces_station_id", "station_id"),)

    upload_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    content: Mapped[bytes]


class InstalledCertificate(Base):
    """A certificate as the station identified it, with its own hash algorithm (M03, M04.FR.07)."""

    __tablename__ = "installed_certificates"

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    certificate_type: Mapped[str] = mapped_column(String(64))
    hash_data: Mapped[JsonValue] = mapped_column(Json)
    child_hash_data: Mapped[list[JsonValue]] = mapped_column(Json)
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DynamicSchedule(Base):
    """What a station was told last of a charging profile whose limits change while it is in use (OCPP 2.1)."""

    __tablename__ = "dynamic_schedules"

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    profile_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # OCPP's ChargingScheduleUpdateType.
    schedule_update: Mapped[JsonValue] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ChargingEvse(Base):
    """What is known of who charges at an EVSE: its transaction, and what the vehicle needs."""

    __tablename__ = "charging_evses"

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    evse_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # The newest transaction, by the station's id of it; none: none was told.
    transaction_id: Mapped[str | None] = mapped_column(String(36))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    is_running: Mapped[bool] = mapped_column(default=False)
    # smart_charging.charging_needs.Needs, told last, and the record that told them; none: none were, or they are over.
    needs: Mapped[JsonValue | None] = mapped_column(Json)
    needs_record_id: Mapped[str | None] = mapped_column(String(64))
    needs_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The transaction that got a schedule for these needs.
    offered_to: Mapped[str | None] = mapped_column(String(36))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DerControl(Base):
    """A control of distributed energy resources that a station holds (OCPP 2.1)."""

    __tablename__ = "der_controls"

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    control_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    control_type: Mapped[str] = mapped_column(String(64))
    is_default: Mapped[bool]
    is_superseded: Mapped[bool]
    # Whether it is active, and since when by the station's clock; none: it has not told.
    is_started: Mapped[bool | None]
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settings: Mapped[JsonValue] = mapped_column(Json)
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BatterySwap(Base):
    """A swap of batteries at a station (OCPP 2.1), by its requestId."""

    __tablename__ = "battery_swaps"
    __table_args__ = (Index("ix_battery_swaps_station_id_began_at", "station_id", "began_at", "request_id"),)

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    request_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id_token: Mapped[str | None] = mapped_column(String(255))
    id_token_type: Mapped[str | None] = mapped_column(String(20))
    batteries_in: Mapped[list[JsonValue] | None] = mapped_column(Json)
    batteries_out: Mapped[list[JsonValue] | None] = mapped_column(Json)
    requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    out_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    timeout_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MonitoredVariable(Base):
    """What a monitor of a station monitors, by the id that the station gave it."""

    __tablename__ = "monitored_variables"

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    monitor_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # OCPP's ComponentType and VariableType.
    component: Mapped[JsonValue] = mapped_column(Json)
    variable: Mapped[JsonValue] = mapped_column(Json)
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EventStream(Base):
    """A periodic event stream that a station opened (OCPP 2.1)."""

    __tablename__ = "event_streams"

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    stream_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    monitor_id: Mapped[int]
    # OCPP's PeriodicEventStreamParamsType.
    params: Mapped[JsonValue] = mapped_column(Json)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # How many values the station had not sent yet, with its last message.
    pending: Mapped[int | None]
    last_values_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StreamValues(Base):
    """The values of one message of a periodic event stream."""

    __tablename__ = "stream_values"
    __table_args__ = (
        Index("ix_stream_values_station_id_received_at", "station_id", "received_at", "record_id"),
        Index("ix_stream_values_stream", "station_id", "stream_id", "received_at", "record_id"),
        Index("ix_stream_values_all", apart(column("received_at", UtcDateTime))),
    )

    record_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    stream_id: Mapped[int]
    # Of what the values are; null: the station had not told by then.
    monitor_id: Mapped[int | None]
    component: Mapped[JsonValue | None] = mapped_column(Json)
    variable: Mapped[JsonValue | None] = mapped_column(Json)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Of the values' JSON, in bytes.
    size: Mapped[int]
    data: Mapped[list[dict[str, str]]] = mapped_column(PackedJson)


class VatNumber(Base):
    """A VAT number that operators registered."""

    __tablename__ = "vat_numbers"

    # `payment.vat_register.key`
    key: Mapped[str] = mapped_column(String(20), primary_key=True)
    vat_number: Mapped[str] = mapped_column(String(20))
    # OCPP's AddressType.
    company: Mapped[JsonValue | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Settlement(Base):
    """A payment at a station, and what became of it. It stays when the station is removed: books do."""

    __tablename__ = "settlements"
    __table_args__ = (
        UniqueConstraint("station_id", "psp_ref", "transaction_id"),
        Index("ix_settlements_status", "status", "id"),
        Index("ix_settlements_station_id", "station_id", "id"),
        Index("ix_settlements_psp_ref", "psp_ref", "id"),
        Index("ix_settlements_updated_at", "updated_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    psp_ref: Mapped[str] = mapped_column(String(255))
    # The station's; empty: the payment was canceled before the transaction began.
    transaction_id: Mapped[str] = mapped_column(String(36))
    # Our id of it; none: the station told of the settlement, and it names the transaction alone.
    transaction: Mapped[str | None] = mapped_column(String(32))
    # payment.settlement.SettledBy and SettlementStatus
    settled_by: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(16))
    # In units of `csms_runtime.money.UNIT`; none: what is due is not known.
    amount: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(String(3))
    # Of the transaction when what is due was told.
    revision: Mapped[int | None]
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status_info: Mapped[str | None] = mapped_column(String(500))
    receipt_id: Mapped[str | None] = mapped_column(String(50))
    receipt_url: Mapped[str | None] = mapped_column(String(2000))
    vat_number: Mapped[str | None] = mapped_column(String(20))
    vat_company: Mapped[JsonValue | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Call(Base):
    """A CALL to a station and what became of it, whichever service sent it."""

    __tablename__ = "calls"
    __table_args__ = (
        UniqueConstraint("station_id", "idempotency_key"),
        Index("ix_calls_station_id_created_at", "station_id", "created_at", "call_id"),
        Index("ix_calls_state_deadline_at", "state", "deadline_at"),
    )

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    action: Mapped[str] = mapped_column(String(64))
    protocol: Mapped[str] = mapped_column(String(16))
    # Secrets are redacted.
    request: Mapped[JsonValue] = mapped_column(Json)
    # "waiting", "open" or "completed"
    state: Mapped[str] = mapped_column(String(16))
    # "result", "error", "timeout", "unknown", "not_connected"; none while open.
    outcome: Mapped[str | None] = mapped_column(String(16))
    response: Mapped[JsonValue | None] = mapped_column(Json)
    error: Mapped[JsonValue | None] = mapped_column(Json)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    requested_by: Mapped[str | None] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(String(32))
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    # A keyed digest of action and payload, to compare repeats without keeping secrets.
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # When the asker stops waiting.
    deadline_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Until when it waits for its station to come back; none: it does not.
    deliver_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Of request, response and error, in bytes of JSON; 0 while open.
    size: Mapped[int] = mapped_column(server_default=text("0"))
    # The connection it was sent on; none: it was not.
    target_slot: Mapped[int | None]
    target_epoch: Mapped[int | None] = mapped_column(BigInteger)
    target_connection_id: Mapped[str | None] = mapped_column(String(64))
    target_number: Mapped[int | None] = mapped_column(BigInteger)


class ConfigurationTemplate(Base):
    """What some stations are to be configured to."""

    __tablename__ = "configuration_templates"

    template_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    description: Mapped[str] = mapped_column(Text)
    # bulk.selection.Selection
    selection: Mapped[JsonValue] = mapped_column(PackedJson)
    # configuration.wanted.Wanted, sealed: it may hold secrets.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    on_connect: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WaitingCall(Base):
    """A call that waits for its station to come back; the call's row is there, too."""

    __tablename__ = "waiting_calls"
    __table_args__ = (
        Index("ix_waiting_calls_station_id_created_at", "station_id", "created_at", "call_id"),
        Index("ix_waiting_calls_due_at", "due_at"),
    )

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    action: Mapped[str] = mapped_column(String(64))
    # The payload, see deliveries.waiting_rows.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    timeout_s: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deliver_until: Mapped[datetime] = mapped_column(UtcDateTime)
    # When to look at it: at the end, or a moment after the station has connected.
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BulkJob(Base):
    """A command for many stations, and how far it is."""

    __tablename__ = "bulk_jobs"
    __table_args__ = (
        Index("ix_bulk_jobs_created_at", "created_at", "bulk_id"),
        Index("ix_bulk_jobs_procedure", "procedure", "created_at", "bulk_id"),
        _partial("ix_bulk_jobs_unfinished", "created_at", where="finished_at IS NULL"),
        _partial("ix_bulk_jobs_finished_at", "finished_at", where="finished_at IS NOT NULL"),
    )

    bulk_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    action: Mapped[str] = mapped_column(String(64))
    # Secrets are redacted; and sealed with them (bulk.bulk_rows), until it is over.
    request: Mapped[JsonValue] = mapped_column(Json)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    # What is done at each station (bulk.procedures); none: one call, the same for all.
    procedure: Mapped[str | None] = mapped_column(String(32))
    # What a firmware campaign keeps to (campaigns.plan.Plan), and why it was paused.
    plan: Mapped[JsonValue | None] = mapped_column(Json)
    note: Mapped[str | None] = mapped_column(Text)
    # What was selected (bulk.selection.Selection), how many of it are stored, and whether these are all.
    selection: Mapped[JsonValue] = mapped_column(PackedJson)
    selected_until: Mapped[str | None] = mapped_column(Text)
    total: Mapped[int]
    is_selected: Mapped[bool]
    rate_per_s: Mapped[float]
    timeout_s: Mapped[float | None]
    deliver_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    replaces: Mapped[bool] = mapped_column(default=False, server_default=false())
    requested_by: Mapped[str | None] = mapped_column(Text)
    # "running", "paused", "cancelled", "completed"
    state: Mapped[str] = mapped_column(String(16))
    # Stations by what became of the command (bulk.progress); those that wait are not counted.
    counts: Mapped[JsonValue] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Which process works on it, and until when that counts.
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BulkTarget(Base):
    """A station that a command for many is for, and what became of it there."""

    __tablename__ = "bulk_targets"
    __table_args__ = (Index("ix_bulk_targets_status", "bulk_id", "status", "position"),)

    bulk_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    # From 1 on, in the order in which they are commanded.
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    # "waiting", "open", or an outcome; see bulk.progress.
    status: Mapped[str] = mapped_column(String(16))
    call_id: Mapped[str | None] = mapped_column(String(64))
    # Why nothing was sent: a problem's status, title, detail and errors.
    refusal: Mapped[JsonValue | None] = mapped_column(Json)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Notification(Base):
    """A message of a station that is kept as it came; secrets are redacted."""

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_station_id_received_at", "station_id", "received_at", "record_id"),
        Index("ix_notifications_action", "station_id", "action", "received_at", "record_id"),
        Index("ix_notifications_all", apart(column("received_at", UtcDateTime))),
        Index("ix_notifications_of_action", "action", "received_at", "record_id"),
        _partial("ix_notifications_site", "site_id", "received_at", "record_id", where="site_id IS NOT NULL"),
    )

    record_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    # Of the station, then.
    site_id: Mapped[str | None] = mapped_column(SITE_ID)
    action: Mapped[str] = mapped_column(String(64))
    protocol: Mapped[str] = mapped_column(String(16))
    # Of the payload's JSON, in bytes.
    size: Mapped[int] = mapped_column(server_default=text("0"))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    payload: Mapped[JsonValue] = mapped_column(PackedJson)


class Fault(Base):
    """That a station told of something wrong: its beginning."""

    __tablename__ = "faults"
    __table_args__ = (
        Index("ix_faults_all", apart(column("received_at", UtcDateTime)), "fault_id"),
        Index("ix_faults_station", "station_id", "received_at", "fault_id"),
        Index("ix_faults_site", "site_id", "received_at", "fault_id"),
        Index("ix_faults_code", "code", "received_at", "fault_id"),
    )

    # Made from the record's, so that a repeat is told.
    fault_id: Mapped[str] = mapped_column(String(96), primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    # Of the station, then.
    site_id: Mapped[str | None] = mapped_column(SITE_ID)
    evse_id: Mapped[int | None] = mapped_column(BigInteger)
    connector_id: Mapped[int | None] = mapped_column(BigInteger)
    # "status" or "event": which message told it.
    source: Mapped[str] = mapped_column(String(16))
    code: Mapped[str] = mapped_column(Text)
    info: Mapped[str | None] = mapped_column(Text)
    vendor_id: Mapped[str | None] = mapped_column(Text)
    vendor_error_code: Mapped[str | None] = mapped_column(Text)
    # The station's time (unless it is implausible), and the gateway's time of the message.
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RefusedMessage(Base):
    """A message of a station that the gateway could not take, or an answer it could not use. Nothing of its content."""

    __tablename__ = "refused_messages"
    __table_args__ = (
        Index("ix_refused_messages_station_id_received_at", "station_id", "received_at", "record_id"),
        Index("ix_refused_messages_all", apart(column("received_at", UtcDateTime))),
    )

    record_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    station_id: Mapped[str] = mapped_column(STATION_ID)
    protocol: Mapped[str] = mapped_column(String(16))
    connection_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(64))
    code: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(String(500))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RefusedHandshake(Base):
    """That a station, or who says to be one, was not let in from an address, for one kind of reason: the newest of it.

    `told` counts the events of it, of which there is at most one a minute.
    """

    __tablename__ = "refused_handshakes"
    __table_args__ = (
        UniqueConstraint("station_id", "remote_address", "kind"),
        Index("ix_refused_handshakes_all", apart(column("last_at", UtcDateTime())), "id"),
        Index("ix_refused_handshakes_known_last_at", "known", "last_at", "id"),
        Index("ix_refused_handshakes_station", func.lower(column("station_id", STATION_ID)), "last_at", "id"),
        Index("ix_refused_handshakes_address", "remote_address", "last_at", "id"),
        Index("ix_refused_handshakes_kind", "kind", "last_at", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # Empty: it told no identity that a station can have.
    station_id: Mapped[str] = mapped_column(STATION_ID)
    remote_address: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    # Whether there was such a station when it was refused last.
    known: Mapped[bool]
    http_status: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500))
    security_event: Mapped[str] = mapped_column(String(64))
    told: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RemovedStation(Base):
    """A station that was removed lately: what still comes of it is deleted, too."""

    __tablename__ = "removed_stations"
    __table_args__ = (Index("ix_removed_stations_due_at", "due_at"),)

    station_id: Mapped[str] = mapped_column(STATION_ID, primary_key=True)
    removed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # When to look for it next.
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeadLetter(Base):
    """A record that a consumer of any service gave up, as it was."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        Index("ix_dead_letters_station_id", "station_id", "id"),
        Index("ix_dead_letters_topic", "topic", "id"),
        Index("ix_dead_letters_reason", "reason", "id"),
        _partial("ix_dead_letters_replayed", "id", where="replayed_at IS NOT NULL"),
        _partial("ix_dead_letters_not_replayed", "id", where="replayed_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    record_id: Mapped[str] = mapped_column(String(64), unique=True)
    station_id: Mapped[str] = mapped_column(String(255))
    topic: Mapped[str] = mapped_column(String(255))
    partition: Mapped[int]
    offset: Mapped[int] = mapped_column(BigInteger)
    group: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(String(500))
    value: Mapped[bytes]
    size: Mapped[int]
    died_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Of the last time it was published again.
    replayed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    replayed_by: Mapped[str | None] = mapped_column(String(255))


OUTBOX = outbox_table(Base.metadata)
KEPT_ANSWERS = answers_table(Base.metadata)
COUNTS = counts_table(Base.metadata)
