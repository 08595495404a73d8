"""What the API shows of a station."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from csms_ocpp.versions import Protocol
from csms_runtime.http.fields import one_of
from pydantic import BaseModel, Field

from csms_device_mgmt.boot import progress
from csms_device_mgmt.boot.onboarding import progress_of
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.smart_charging import charging_needs
from csms_device_mgmt.status.evse_views import (
    EvseModel,
    ReportedStatusModel,
    evses,
    reported_of_station,
    status_of_station,
)
from csms_device_mgmt.tables import Connector, Station

OcppVersion = Annotated[str, one_of(*Protocol)]
EnergyTransfer = Annotated[str, one_of(*charging_needs.Transfer)]
OnboardingMode = Annotated[str, one_of(*progress.Mode)]
OnboardingStep = Annotated[str, one_of(*progress.Step)]


class RefusalModel(BaseModel):
    """Why a station was not let in, or its connection was ended at its boot."""

    refused_at: datetime
    http_status: int = Field(description="What it was answered; 101: it was let in, and cut off when it booted")
    reason: str
    remote_address: str
    security_event: str | None = Field(description="OCPP's security event when there is one for it")


class PendingResetModel(BaseModel):
    """A reset of the whole station that it agreed to; shown until it has booted."""

    call_id: str
    type: str
    status: str = Field(description="Accepted, or Scheduled: when its transactions have ended")
    answered_at: datetime


class BootModel(BaseModel):
    """What the station's last BootNotification said."""

    vendor_name: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    iccid: str | None
    imsi: str | None
    meter_type: str | None = Field(description="Only stations of OCPP 1.6 tell; of the main meter")
    meter_serial_number: str | None = Field(description="Likewise")
    reason: str | None = Field(description="null: the station speaks OCPP 1.6, which does not tell")
    booted_at: datetime | None = Field(description="null: it has only said what it is, when it was asked to")


class ConnectionModel(BaseModel):
    """The station's newest connection, open or closed."""

    connection_id: str
    gateway_slot: int | None
    protocol: OcppVersion | None
    security_profile: int | None
    remote_address: str | None
    connected_at: datetime | None
    closed_at: datetime | None
    close_code: int | None
    close_reason: str | None


class OnboardingModel(BaseModel):
    """How far onboarding got."""

    step: OnboardingStep = Field(description="boot: the next one is accepted")
    report_request_id: int | None = Field(description="Of the inventory, see /stations/{station_id}/reports")
    variables: int = Field(description="How many are to be set")
    variables_done: int = Field(description="How many the station has answered for")
    notes: list[str] = Field(description="What the station rejected, did not answer or left out")
    started_at: datetime
    updated_at: datetime


class HistoryModel(BaseModel):
    """How much of a station's history is kept."""

    size: int = Field(description="What it takes, in bytes; beyond CSMS_STATION_HISTORY_BYTES the oldest gives way")
    since: datetime | None = Field(description="What was older gave way to newer history; null: nothing did")


class StationModel(BaseModel):
    """A station."""

    id: str
    station_id: str
    security_profile: int | None = Field(description="What its connection must have; null: any")
    pending_security_profile: int | None = Field(
        description="A higher one it was told to use; when it has connected with it, lower ones are refused"
    )
    serial_number: str | None = Field(description="What the CN of a profile-3 certificate must contain")
    organization: str | None = Field(
        description="What the O of a profile-3 certificate must contain; null: the default"
    )
    ocpp_protocols: list[OcppVersion] | None = Field(
        description="The versions of OCPP that it may speak; null: those of CSMS_OCPP_PROTOCOLS"
    )
    charging_schedules: bool = Field(
        description="Whether a vehicle that tells what it needs (NotifyEVChargingNeeds) gets a schedule made for it"
    )
    energy_transfers: list[EnergyTransfer] | None = Field(
        description="The energy transfers that such vehicles may use; null: all, and those in both directions get no "
        "schedule"
    )
    registration: Registration = Field(description="How the next BootNotification is answered")
    registration_status: Registration | None = Field(description="How the last BootNotification was answered")
    onboarding: OnboardingMode
    onboarding_variables: list[dict[str, Any]]
    onboarding_progress: OnboardingModel | None = Field(description="null: it has not begun")
    message_timeout_s: int | None
    vendor_ids: list[str]
    site_id: str | None = Field(description="The site it belongs to, see /sites; null: none")
    labels: dict[str, str]
    password_set: bool = Field(description="As /credentials says")
    last_refusal: RefusalModel | None = Field(
        description="The newest connection that was refused, of those in a minute the first; null: none was"
    )
    rate_limited_at: datetime | None = Field(
        description="When it last was not listened to, or refused (429), since it sent more than it may "
        "(CSMS_MESSAGE_RATE), of those in a minute the first; null: it never was"
    )
    connected: bool
    protocol: OcppVersion | None = Field(description="Of the newest connection")
    last_seen: datetime | None = Field(
        description="When anything of it was last heard, a pong included. While it is connected, up to five minutes "
        "old (CSMS_LAST_SEEN_S); exact once it has disconnected"
    )
    boot: BootModel | None
    pending_reset: PendingResetModel | None
    connection: ConnectionModel | None
    status: str | None = Field(description="AvailabilityState of the station as a whole, if it reports one")
    reported: ReportedStatusModel | None = Field(description="In the station's own words (OCPP 1.6: of connector 0)")
    evses: list[EvseModel]
    history: HistoryModel
    created_at: datetime
    updated_at: datetime


def station(row: Station, connectors: Sequence[Connector], *, connected: bool) -> StationModel:
    """Show a station."""
    return StationModel(
        id=row.station_id,
        station_id=row.station_id,
        security_profile=row.security_profile,
        pending_security_profile=row.pending_security_profile,
        serial_number=row.serial_number,
        organization=row.organization,
        ocpp_protocols=row.ocpp_protocols,
        charging_schedules=row.charging_schedules,
        energy_transfers=row.energy_transfers,
        registration=Registration(row.registration),
        registration_status=Registration(row.registration_status) if row.registration_status else None,
        onboarding=row.onboarding,
        onboarding_variables=row.onboarding_variables,
        onboarding_progress=_onboarding(row),
        message_timeout_s=row.message_timeout_s,
        vendor_ids=row.vendor_ids,
        site_id=row.site_id,
        labels=row.labels,
        password_set=row.password_set,
        last_refusal=RefusalModel(**row.last_refusal) if row.last_refusal else None,
        rate_limited_at=row.rate_limited_at,
        connected=connected,
        protocol=row.connection_protocol,
        last_seen=row.last_seen,
        boot=_boot(row),
        pending_reset=PendingResetModel(**row.pending_reset) if row.pending_reset else None,
        connection=_connection(row),
        status=status_of_station(connectors),
        reported=reported_of_station(connectors),
        evses=evses(connectors),
        history=HistoryModel(size=row.history_bytes, since=row.history_since),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _onboarding(row: Station) -> OnboardingModel | None:
    progress = progress_of(row)
    if progress is None:
        return None
    return OnboardingModel(
        step=progress.step.value,
        report_request_id=progress.request_id,
        variables=len(row.onboarding_variables),
        variables_done=progress.variables_done,
        notes=list(progress.notes),
        started_at=progress.started_at,
        updated_at=progress.updated_at,
    )


def _boot(row: Station) -> BootModel | None:
    if row.vendor_name is None:
        return None
    return BootModel(
        vendor_name=row.vendor_name,
        model=row.model,
        serial_number=row.boot_serial_number,
        firmware_version=row.firmware_version,
        iccid=row.iccid,
        imsi=row.imsi,
        meter_type=row.meter_type,
        meter_serial_number=row.meter_serial_number,
        reason=row.boot_reason,
        booted_at=row.booted_at,
    )


def _connection(row: Station) -> ConnectionModel | None:
    if row.connection_id is None:
        return None
    return ConnectionModel(
        connection_id=row.connection_id,
        gateway_slot=row.connection_slot,
        protocol=row.connection_protocol,
        security_profile=row.connection_security_profile,
        remote_address=row.remote_address,
        connected_at=row.connected_at,
        closed_at=row.closed_at,
        close_code=row.close_code,
        close_reason=row.close_reason,
    )
