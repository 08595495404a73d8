"""Rows → what the API shows."""

from collections.abc import Iterable, Sequence

from csms_device_mgmt.api.models import (
    BootModel,
    CallModel,
    CallRecordModel,
    ConnectionModel,
    ConnectorModel,
    EvseModel,
    HistoryModel,
    NotificationModel,
    OnboardingModel,
    PendingResetModel,
    ProfileChangeModel,
    RefusalModel,
    RefusedMessageModel,
    ReportSummaryModel,
    SecurityProfileModel,
    StationModel,
    VariableModel,
)
from csms_device_mgmt.boot.onboarding import progress_of
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.reports.assembly import ReportStatus
from csms_device_mgmt.security_profile.profile_changes import change_of
from csms_device_mgmt.status.availability import WHOLE_EVSE, WHOLE_STATION, status_of_evse
from csms_device_mgmt.tables import Call, Connector, Notification, RefusedMessage, Report, Station, Variable


def station(row: Station, connectors: Sequence[Connector], *, connected: bool) -> StationModel:
    """Show a station."""
    return StationModel(
        id=row.station_id,
        station_id=row.station_id,
        security_profile=row.security_profile,
        pending_security_profile=row.pending_security_profile,
        serial_number=row.serial_number,
        organization=row.organization,
        registration=Registration(row.registration),
        registration_status=Registration(row.registration_status) if row.registration_status else None,
        onboarding=row.onboarding,
        onboarding_variables=row.onboarding_variables,
        onboarding_progress=_onboarding(row),
        message_timeout_s=row.message_timeout_s,
        vendor_ids=row.vendor_ids,
        password_set=row.password_set,
        last_refusal=RefusalModel(**row.last_refusal) if row.last_refusal else None,
        rate_limited_at=row.rate_limited_at,
        connected=connected,
        protocol=row.connection_protocol,
        last_seen=row.last_seen,
        boot=_boot(row),
        pending_reset=PendingResetModel(**row.pending_reset) if row.pending_reset else None,
        connection=_connection(row),
        status=_own_status(connectors),
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


def security_profile(row: Station) -> SecurityProfileModel:
    """Show a station's security profile."""
    return SecurityProfileModel(
        id=row.station_id,
        station_id=row.station_id,
        security_profile=row.security_profile,
        reached_security_profile=row.reached_security_profile,
        pending_security_profile=row.pending_security_profile,
        certificate_not_after=row.certificate_not_after,
        change=_change(row),
    )


def _change(row: Station) -> ProfileChangeModel | None:
    change = change_of(row)
    if change is None:
        return None
    return ProfileChangeModel(
        security_profile=change.wanted.security_profile,
        from_profile=change.from_profile or None,
        step=change.step.value,
        failed_step=change.failed_step.value if change.failed_step else None,
        reason=change.reason,
        call_id=change.call_id,
        attempts=change.attempts,
        configuration_slot=change.wanted.configuration_slot,
        network_configuration_priority=None if change.priority is None else list(change.priority),
        ocpp_csms_url=change.wanted.ocpp_csms_url,
        started_at=change.started_at,
        updated_at=change.updated_at,
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


def evses(connectors: Iterable[Connector]) -> list[EvseModel]:
    """Group connectors by EVSE; connector 0 tells the status of the EVSE itself. EVSE 0 is none: it is the station."""
    found: dict[int, EvseModel] = {}
    for row in connectors:
        if row.evse_id == WHOLE_STATION:
            continue
        evse = found.setdefault(row.evse_id, EvseModel(evse_id=row.evse_id, connectors=[]))
        if row.connector_id == WHOLE_EVSE:
            evse.status = row.status
        else:
            shown = ConnectorModel(connector_id=row.connector_id, status=row.status, reported_at=row.reported_at)
            evse.connectors.append(shown)
    for evse in found.values():
        evse.status = evse.status or status_of_evse([connector.status for connector in evse.connectors])
    return list(found.values())


def _own_status(connectors: Iterable[Connector]) -> str | None:
    return next((row.status for row in connectors if row.evse_id == WHOLE_STATION), None)


def call(row: Call) -> CallModel:
    """Show a call to the one who waited for it."""
    return CallModel.model_validate(row, from_attributes=True)


def call_record(row: Call) -> CallRecordModel:
    """Show a call in the history."""
    return CallRecordModel(
        **call(row).model_dump(),
        id=row.call_id,
        state=row.state,
        protocol=row.protocol,
        request=row.request,
        requested_by=row.requested_by,
        origin=row.origin,
        created_at=row.created_at,
    )


def variable(row: Variable) -> VariableModel:
    """Show a variable."""
    key = VariableKey(
        component=row.component_name,
        variable=row.variable_name,
        component_instance=row.component_instance,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        variable_instance=row.variable_instance,
        attribute=row.attribute_type,
    )
    return VariableModel(
        id=row.path,
        component=key.component_json(),
        variable=key.variable_json(),
        attribute_type=row.attribute_type,
        value=row.value,
        mutability=row.mutability,
        persistent=row.persistent,
        constant=row.constant,
        characteristics=row.characteristics,
        updated_at=row.updated_at,
    )


def report(row: Report) -> ReportSummaryModel:
    """Show a report without its entries."""
    return ReportSummaryModel(
        id=str(row.request_id),
        station_id=row.station_id,
        request_id=row.request_id,
        kind=row.kind,
        call_id=row.call_id,
        status=row.status,
        complete=row.status == ReportStatus.COMPLETE,
        generated_at=row.generated_at,
        created_at=row.created_at,
        completed_at=row.completed_at,
    )


def refused_message(row: RefusedMessage) -> RefusedMessageModel:
    """Show a message that could not be taken."""
    return RefusedMessageModel(
        id=row.record_id,
        station_id=row.station_id,
        kind=row.kind,
        action=row.action or None,
        code=row.code or None,
        detail=row.detail,
        protocol=row.protocol,
        connection_id=row.connection_id,
        received_at=row.received_at,
    )


def notification(row: Notification) -> NotificationModel:
    """Show a recorded message."""
    return NotificationModel(
        id=row.record_id,
        station_id=row.station_id,
        action=row.action,
        protocol=row.protocol,
        payload=row.payload,
        received_at=row.received_at,
    )
