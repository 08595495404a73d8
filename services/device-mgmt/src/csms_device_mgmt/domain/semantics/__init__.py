"""Rules about requests of the CSMS that JSON schemas cannot express. The payload is already valid by its schema."""

from csms_ocpp.rules.charging_profiles import clear_charging_profile, get_charging_profiles, set_charging_profile
from csms_ocpp.rules.remote_start import request_start_transaction

from csms_device_mgmt.domain.semantics.availability import change_availability, reset
from csms_device_mgmt.domain.semantics.certificates import install_certificate
from csms_device_mgmt.domain.semantics.display_messages import set_display_message
from csms_device_mgmt.domain.semantics.finding import Finding, Rule
from csms_device_mgmt.domain.semantics.firmware import update_firmware
from csms_device_mgmt.domain.semantics.messages import customer_information, send_local_list, set_variables
from csms_device_mgmt.domain.semantics.monitoring import (
    clear_variable_monitoring,
    get_log,
    set_monitoring_level,
    set_variable_monitoring,
)
from csms_device_mgmt.domain.semantics.remote_control import (
    get_transaction_status,
    request_stop_transaction,
    trigger_message,
    unlock_connector,
)

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
"""The rules of OCPP 2.0.1 and 2.1, by action."""

__all__ = ["RULES", "Finding", "Rule"]
