"""Rules about requests of the CSMS that JSON schemas cannot express. The payload is already valid by its schema."""

from csms_ocpp.rules.charging_profiles import clear_charging_profile, get_charging_profiles, set_charging_profile
from csms_ocpp.rules.remote_start import request_start_transaction

from csms_device_mgmt.certificates.certificate_rules import install_certificate
from csms_device_mgmt.commands.finding import Finding, Rule
from csms_device_mgmt.commands.local_list_rules import send_local_list
from csms_device_mgmt.commands.remote_control_rules import (
    get_transaction_status,
    request_stop_transaction,
    trigger_message,
    unlock_connector,
)
from csms_device_mgmt.device_model.variable_rules import set_variables
from csms_device_mgmt.jobs.firmware_rules import update_firmware
from csms_device_mgmt.jobs.log_rules import get_log
from csms_device_mgmt.monitoring.customer_information_rules import customer_information
from csms_device_mgmt.monitoring.display_message_rules import set_display_message
from csms_device_mgmt.monitoring.monitoring_rules import (
    clear_variable_monitoring,
    set_monitoring_level,
    set_variable_monitoring,
)
from csms_device_mgmt.status.availability_rules import change_availability, reset

RULES: dict[str, Rule] = {
    "ChangeAvailability": change_availability,
    "ClearChargingProfile": clear_charging_profile,
    "ClearVariableMonitoring": clear_variable_monitoring,
    "CustomerInformation": customer_information,
    "GetChargingProfiles": get_charging_profiles,
    "GetLog": get_log,
    "GetTransactionStatus": get_transaction_status,
    "InstallCertificate": install_certificate,
    "RequestStartTransaction": request_start_transaction,
    "RequestStopTransaction": request_stop_transaction,
    "Reset": reset,
    "SendLocalList": send_local_list,
    "SetChargingProfile": set_charging_profile,
    "SetDisplayMessage": set_display_message,
    "SetMonitoringLevel": set_monitoring_level,
    "SetVariableMonitoring": set_variable_monitoring,
    "SetVariables": set_variables,
    "TriggerMessage": trigger_message,
    "UnlockConnector": unlock_connector,
    "UpdateFirmware": update_firmware,
}
"""The rules of OCPP 2.0.1, by action."""

__all__ = ["RULES", "Finding", "Rule"]
