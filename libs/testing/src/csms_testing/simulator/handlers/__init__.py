"""Everything a CSMS may ask of a station of OCPP 2.0.1: action → handler, one module per functional block."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Call
from csms_testing.simulator.handlers import (
    authorization,
    availability,
    certificates,
    diagnostics,
    display,
    firmware,
    monitoring,
    profiles,
    provisioning,
    remote,
    reports,
    reservation,
    reset,
    triggers,
)
from csms_testing.simulator.handlers.answers import Handler, refuse
from csms_testing.simulator.handlers.profiles import forget_tx_profiles, power_limit_w
from csms_testing.simulator.handlers.reservation import may_use, take_reservation
from csms_testing.simulator.handlers.reset import transaction_ended
from csms_testing.simulator.link import Registration
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

__all__ = [
    "HANDLERS",
    "forget_tx_profiles",
    "handle",
    "may_use",
    "power_limit_w",
    "take_reservation",
    "transaction_ended",
]

HANDLERS: Mapping[str, Handler] = {
    # A, M: security and certificates
    "CertificateSigned": certificates.certificate_signed,
    "DeleteCertificate": certificates.delete_certificate,
    "GetInstalledCertificateIds": certificates.get_installed_certificate_ids,
    "InstallCertificate": certificates.install_certificate,
    # B: provisioning
    "GetBaseReport": reports.get_base_report,
    "GetReport": reports.get_report,
    "GetVariables": provisioning.get_variables,
    "Reset": reset.reset,
    "SetNetworkProfile": provisioning.set_network_profile,
    "SetVariables": provisioning.set_variables,
    # C, D: authorization
    "ClearCache": authorization.clear_cache,
    "GetLocalListVersion": authorization.get_local_list_version,
    "SendLocalList": authorization.send_local_list,
    # E, F, G: transactions, remote control, availability
    "ChangeAvailability": availability.change_availability,
    "GetTransactionStatus": remote.get_transaction_status,
    "RequestStartTransaction": remote.request_start_transaction,
    "RequestStopTransaction": remote.request_stop_transaction,
    "TriggerMessage": triggers.trigger_message,
    "UnlockConnector": remote.unlock_connector,
    # H: reservation
    "CancelReservation": reservation.cancel_reservation,
    "ReserveNow": reservation.reserve_now,
    # K: smart charging
    "ClearChargingProfile": profiles.clear_charging_profile,
    "GetChargingProfiles": profiles.get_charging_profiles,
    "GetCompositeSchedule": profiles.get_composite_schedule,
    "SetChargingProfile": profiles.set_charging_profile,
    # L: firmware
    "PublishFirmware": firmware.publish_firmware,
    "UnpublishFirmware": firmware.unpublish_firmware,
    "UpdateFirmware": firmware.update_firmware,
    # N: diagnostics and monitoring
    "ClearVariableMonitoring": monitoring.clear_variable_monitoring,
    "CustomerInformation": diagnostics.customer_information,
    "GetLog": diagnostics.get_log,
    "GetMonitoringReport": monitoring.get_monitoring_report,
    "SetMonitoringBase": monitoring.set_monitoring_base,
    "SetMonitoringLevel": monitoring.set_monitoring_level,
    "SetVariableMonitoring": monitoring.set_variable_monitoring,
    # I, O, P: cost, messages, data transfer
    "ClearDisplayMessage": display.clear_display_message,
    "CostUpdated": display.cost_updated,
    "DataTransfer": display.data_transfer,
    "GetDisplayMessages": display.get_display_messages,
    "SetDisplayMessage": display.set_display_message,
}


def handle(station: "Station", call: Call) -> Reply:
    """Answer a CALL of the CSMS whose payload fits its schema."""
    if station.registration is Registration.REJECTED and call.action != "TriggerMessage":
        return refuse("SecurityError", "the CSMS has rejected this station (B03.FR.03)")
    handler = station.version.handlers.get(call.action)
    if handler is None:
        return refuse("NotSupported", f"this station does not do {call.action}")
    return handler(station, call.payload)
