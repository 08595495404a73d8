"""The commands that this service sends in OCPP 2.0.1, and what commands mean, whoever sends them."""

from collections.abc import Mapping, Sequence
from typing import Any

from csms_device_mgmt.device_model.variable_key import (
    BASIC_AUTH_PASSWORD,
    NETWORK_CONFIGURATION_PRIORITY,
    JsonObject,
    VariableKey,
    bytes_per_message,
    items_per_message,
)
from csms_device_mgmt.reports.series import BY_ACTION
from csms_device_mgmt.security_profile.change import ProfileChange, Step, Wanted
from csms_device_mgmt.status.availability import WHOLE_EVSE, WHOLE_STATION
from csms_device_mgmt.status.availability_order import AvailabilityOrder
from csms_device_mgmt.versions.v201.messages import COURSES
from csms_device_mgmt.versions.version import Follows, Named, Request, Start, VariableMessage


def _listed(action: str, request_list: str, response_list: str) -> VariableMessage:
    """Return a command that has a list of elements, as its answer has of results."""
    return VariableMessage(
        action,
        request=lambda elements: Request(action, {request_list: list(elements)}),
        elements=lambda payload: payload.get(request_list, []),
        results=lambda _payload, response: (response or {}).get(response_list, []),
        pointer=lambda pointer, _first: pointer.removeprefix(f"/{request_list}"),
        items=items_per_message(action),
        bytes=bytes_per_message(action),
    )


GET_VARIABLES = _listed("GetVariables", "getVariableData", "getVariableResult")
SET_VARIABLES = _listed("SetVariables", "setVariableData", "setVariableResult")
TRIGGER_BOOT = Request("TriggerMessage", {"requestedMessage": "BootNotification"})

FOLLOWS: Mapping[str, Sequence[Follows]] = {
    **dict.fromkeys(BY_ACTION, (Follows.REPORT,)),
    **dict.fromkeys(COURSES, (Follows.JOB,)),
    "CertificateSigned": (Follows.CERTIFICATE,),
    "ChangeAvailability": (Follows.AVAILABILITY,),
    "DeleteCertificate": (Follows.CERTIFICATE_DELETED,),
    "GetBaseReport": (Follows.REPORT, Follows.ONBOARDING),
    "GetInstalledCertificateIds": (Follows.CERTIFICATES_TOLD,),
    "GetVariables": (Follows.VARIABLES_TOLD, Follows.PROFILE_CHANGE),
    "Reset": (Follows.RESET, Follows.PROFILE_CHANGE),
    "SetNetworkProfile": (Follows.NETWORK_PROFILE, Follows.PROFILE_CHANGE),
    "SetVariables": (Follows.VARIABLES_SET, Follows.ONBOARDING, Follows.PROFILE_CHANGE),
    "TriggerMessage": (Follows.ONBOARDING, Follows.PROFILE_CHANGE),
}
"""Nothing follows from the outcome of other actions."""


def inventory(request_id: int) -> Request:
    """Ask for the whole device model (B07)."""
    return base_report(request_id, "FullInventory")


def base_report(request_id: int, base: str) -> Request:
    """Ask for one of the reports with a name (B07)."""
    return Request("GetBaseReport", {"requestId": request_id, "reportBase": base})


def chosen_report(
    request_id: int, criteria: list[str] | None, component_variables: list[dict[str, Any]] | None
) -> Request:
    """Ask for a report by criteria (B08); None: a field that is left out."""
    payload: dict[str, Any] = {"requestId": request_id}
    if criteria is not None:
        payload["componentCriteria"] = criteria
    if component_variables is not None:
        payload["componentVariable"] = component_variables
    return Request("GetReport", payload)


def start(payload: JsonObject) -> Start:
    """Read a RequestStartTransaction (F01, F02)."""
    token = payload["idToken"]
    return Start(payload["remoteStartId"], payload.get("evseId", 0), token["idToken"], token["type"])


def availability_order(payload: JsonObject) -> AvailabilityOrder:
    """Read a ChangeAvailability (G03, G04): without an EVSE it is for the station, whatever is ordered of EVSEs."""
    evse = payload.get("evse", {})
    operative = payload["operationalStatus"] == "Operative"
    return AvailabilityOrder(operative, evse.get("id", WHOLE_STATION), evse.get("connectorId", WHOLE_EVSE))


def set_password(password: str) -> Request:
    """Have the station take a password (A01)."""
    return SET_VARIABLES.request([{**_named(BASIC_AUTH_PASSWORD), "attributeValue": password}])


def password_taken(response: JsonObject | None) -> bool:
    """Whether it took the password (A01.FR.03)."""
    return any(result["attributeStatus"] == "Accepted" for result in SET_VARIABLES.results({}, response))


def certificates(request: JsonObject, response: JsonObject) -> Named:
    """Read the answer to GetInstalledCertificateIds (M03); NotFound has no chains (M03.FR.02)."""
    return Named(request.get("certificateType"), response.get("certificateHashDataChain", []))


def profile_step(change: ProfileChange, *, network_profile_version: str | None) -> Request:
    """Return the command of a step (A05). `network_profile_version`: OCPP's word for it in the network profile."""
    priority = _named(NETWORK_CONFIGURATION_PRIORITY)
    match change.step:
        case Step.CERTIFICATE:
            return Request("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
        case Step.READ_PRIORITY:
            return GET_VARIABLES.request([priority])
        case Step.NETWORK_PROFILE:
            return Request("SetNetworkProfile", _network_profile(change.wanted, network_profile_version))
        case Step.PRIORITY:
            value = ",".join(str(slot) for slot in change.priority or ())
            return SET_VARIABLES.request([{**priority, "attributeValue": value}])
        case _:
            return Request("Reset", {"type": change.wanted.reset_type})


def _network_profile(wanted: Wanted, version: str | None) -> dict[str, Any]:
    """OCPP 2.0.1 calls itself OCPP20; later versions take what the station negotiates."""
    data = {
        "ocppTransport": "JSON",
        "ocppCsmsUrl": wanted.ocpp_csms_url,
        "messageTimeout": wanted.message_timeout_s,
        "securityProfile": wanted.security_profile,
        "ocppInterface": wanted.ocpp_interface,
    }
    if version is not None:
        data["ocppVersion"] = version
    return {"configurationSlot": wanted.configuration_slot, "connectionData": data}


def _named(key: VariableKey) -> dict[str, Any]:
    return {"component": key.component_json(), "variable": key.variable_json()}
