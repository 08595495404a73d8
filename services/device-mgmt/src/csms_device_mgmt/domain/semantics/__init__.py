"""Rules about requests of the CSMS that JSON schemas cannot express. The payload is already valid by its schema."""

from csms_device_mgmt.domain.semantics.charging_profiles import (
    get_charging_profiles,
    request_start_transaction,
    set_charging_profile,
)
from csms_device_mgmt.domain.semantics.finding import Finding, Rule
from csms_device_mgmt.domain.semantics.messages import (
    customer_information,
    send_local_list,
    set_variables,
    trigger_message,
)

RULES: dict[str, Rule] = {
    "CustomerInformation": customer_information,
    "GetChargingProfiles": get_charging_profiles,
    "RequestStartTransaction": request_start_transaction,
    "SendLocalList": send_local_list,
    "SetChargingProfile": set_charging_profile,
    "SetVariables": set_variables,
    "TriggerMessage": trigger_message,
}
"""The rules of OCPP 2.0.1 and 2.1, by action."""

__all__ = ["RULES", "Finding", "Rule"]
