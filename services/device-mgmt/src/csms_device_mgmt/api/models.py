"""What the API shows of stations, variables, reports and notifications."""

from datetime import datetime
from typing import Annotated, Any

from csms_ocpp.versions import Protocol
from csms_runtime.http.fields import one_of
from pydantic import BaseModel, Field, computed_field

from csms_device_mgmt.boot import progress
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands.call_rows import CallOutcome, CallState
from csms_device_mgmt.jobs.course import JobState
from csms_device_mgmt.reports.assembly import ReportStatus
from csms_device_mgmt.security_profile import change

OcppVersion = Annotated[str, one_of(*Protocol)]
OnboardingMode = Annotated[str, one_of(*progress.Mode)]
OnboardingStep = Annotated[str, one_of(*progress.Step)]
ProfileStep = Annotated[str, one_of(*change.Step)]


class ConnectorModel(BaseModel):
    """A connector's last reported status."""

    connector_id: int
    status: str
    reported_at: datetime = Field(
        description="The station's time of the change; that of receipt where the station's is implausible"
    )


class EvseModel(BaseModel):
    """An EVSE, known because the station mentioned it."""

    evse_id: int
    status: str | None = Field(
        None, description="As the station reports it of the EVSE itself, else from its connectors' statuses"
    )
    connectors: list[ConnectorModel]


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
    reason: str | None
    booted_at: datetime


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
    registration: Registration = Field(description="How the next BootNotification is answered")
    registration_status: Registration | None = Field(description="How the last BootNotification was answered")
    onboarding: OnboardingMode
    onboarding_variables: list[dict[str, Any]]
    onboarding_progress: OnboardingModel | None = Field(description="null: it has not begun")
    message_timeout_s: int | None
    vendor_ids: list[str]
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
    last_seen: datetime | None
    boot: BootModel | None
    pending_reset: PendingResetModel | None
    connection: ConnectionModel | None
    status: str | None = Field(description="AvailabilityState of the station as a whole, if it reports one")
    evses: list[EvseModel]
    history: HistoryModel
    created_at: datetime
    updated_at: datetime


class ProfileChangeModel(BaseModel):
    """A change to a higher security profile, and how far it got."""

    security_profile: int = Field(description="The new one")
    from_profile: int | None
    step: ProfileStep
    failed_step: ProfileStep | None
    reason: str | None = Field(description="Why it failed")
    call_id: str | None = Field(description="The call whose outcome is awaited")
    attempts: int = Field(description="How often the step's CALL was sent")
    configuration_slot: int
    network_configuration_priority: list[int] | None = Field(description="null: not known yet")
    ocpp_csms_url: str
    started_at: datetime
    updated_at: datetime


class SecurityProfileModel(BaseModel):
    """A station's security profile."""

    id: str
    station_id: str
    security_profile: int | None = Field(description="What its connection must have; null: any")
    reached_security_profile: int | None = Field(description="The highest it has connected with")
    pending_security_profile: int | None = Field(description="A higher one it may come with, too")
    certificate_not_after: datetime | None = Field(
        description="The end of the ChargingStationCertificate that it accepted last"
    )
    change: ProfileChangeModel | None = Field(description="The last one that was asked for")


class CallModel(BaseModel):
    """A CALL and what became of it."""

    call_id: str
    station_id: str
    action: str
    outcome: Annotated[str, one_of(*CallOutcome)] | None = Field(description="null: not known yet")
    response: dict[str, Any] | None
    error: dict[str, Any] | None = Field(
        description="code, description, details, and as source who says so: station, by its CALLERROR; csms, which "
        "refused the station's answer, or did not send the CALL; null, of a call of an earlier version"
    )
    sent_at: datetime | None
    completed_at: datetime | None


class CallRecordModel(CallModel):
    """A CALL with what was asked; secrets are redacted."""

    id: str
    state: Annotated[str, one_of(*CallState)] = Field(description="A late answer may still replace a timeout")
    protocol: OcppVersion
    request: dict[str, Any]
    requested_by: str | None
    origin: str = Field(description="The service that sent it")
    created_at: datetime


class VariableModel(BaseModel):
    """One attribute of a variable of the stored device model; OCPP's own objects and names inside."""

    id: str
    component: dict[str, Any]
    variable: dict[str, Any]
    attribute_type: str
    value: str | None
    mutability: str | None
    persistent: bool | None
    constant: bool | None
    characteristics: dict[str, Any] | None
    updated_at: datetime


class ReportSummaryModel(BaseModel):
    """A report without its entries."""

    id: str
    station_id: str
    request_id: int
    kind: str | None = Field(description="The action that asked for it; null: it came unasked")
    call_id: str | None
    status: Annotated[str, one_of(*ReportStatus)]
    complete: bool
    generated_at: datetime | None
    created_at: datetime
    completed_at: datetime | None


class ReportModel(ReportSummaryModel):
    """A report as far as it has arrived."""

    parts: int = Field(description="How many messages of it arrived")
    parts_expected: int | None = Field(description="Known when the last one arrived")
    missing: list[int] = Field(description="seqNo of parts that did not arrive, the first hundred")
    entries: list[Any] = Field(
        description="In order of seqNo: OCPP's ReportDataType, MonitoringDataType or MessageInfoType objects; "
        "objects of evseId, chargingLimitSource and chargingProfile; or the pieces of a text"
    )
    next_cursor: str | None = Field(
        description="Pass it as `cursor` to get the entries that follow; null: these are the last ones there are"
    )


class CustomerInformationModel(ReportModel):
    """What a station knows of a customer, as far as it has arrived."""

    @computed_field(description="The text: all pieces there are, in order")  # type: ignore[prop-decorator]
    @property
    def data(self) -> str:
        """The pieces put together."""
        return "".join(self.entries)


class JobStepModel(BaseModel):
    """A message of the station about a job."""

    status: str = Field(description="OCPP's status; Booted: the station booted while the update was under way")
    action: str
    detail: dict[str, Any] = Field(description="What else the message said")
    received_at: datetime


class JobModel(BaseModel):
    """What a station does on request, and what it reported on it."""

    id: str
    station_id: str
    request_id: int
    call_id: str | None = Field(description="The call that asked for it; null: it was not asked for here")
    state: Annotated[str, one_of(*JobState)]
    status: str | None = Field(description="OCPP's status as reported last; null: none yet")
    request: dict[str, Any] | None
    response: dict[str, Any] | None = Field(description="The station's answer to the request")
    created_at: datetime
    updated_at: datetime
    history: list[JobStepModel] = Field(
        description="The oldest first; of very many or very large steps only the newest"
    )


class InstalledCertificateModel(BaseModel):
    """A certificate on a station, in its own words; OCPP's objects inside."""

    id: str
    certificate_type: str
    certificate_hash_data: dict[str, Any]
    child_certificate_hash_data: list[dict[str, Any]]
    reported_at: datetime


class NotificationModel(BaseModel):
    """A recorded message of a station."""

    id: str
    station_id: str
    action: str
    protocol: OcppVersion
    payload: dict[str, Any]
    received_at: datetime


class RefusedMessageModel(BaseModel):
    """A message of a station that could not be taken."""

    id: str
    station_id: str
    kind: str = Field(
        description="invalid_frame, binary_frame, call_refused, duplicate_call, invalid_answer, late_answer, "
        "rate_limited, ...; tolerated: it was taken although its schema refuses it; not_kept: it was taken, but not "
        "all of it is kept"
    )
    action: str | None = Field(description="null: not known")
    code: str | None = Field(description="Of the CALLERROR that the station got, or that says what was wrong")
    detail: str = Field(description="What was wrong and where")
    protocol: OcppVersion
    connection_id: str
    received_at: datetime
