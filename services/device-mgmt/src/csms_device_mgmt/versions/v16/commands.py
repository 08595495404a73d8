"""The commands that this service sends in OCPP 1.6, and what commands mean, whoever sends them."""

from collections.abc import Mapping, Sequence
from typing import Any

from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.jobs.course import JobKind
from csms_device_mgmt.security_profile.change import ProfileChange, Step
from csms_device_mgmt.status.availability import WHOLE_STATION
from csms_device_mgmt.status.availability_order import AvailabilityOrder
from csms_device_mgmt.versions.v16.configuration import CHANGE_CONFIGURATION
from csms_device_mgmt.versions.v16.keys import AUTHORIZATION_KEY, SECURITY_PROFILE, same_key
from csms_device_mgmt.versions.v16.messages import COURSES
from csms_device_mgmt.versions.version import Follows, Named, Request, Start

TRIGGER_BOOT = Request("TriggerMessage", {"requestedMessage": "BootNotification"})
_LONGEST_TEXT = 20
"""Bytes of a password that are written as hexadecimal digits; more are such digits already."""

FOLLOWS: Mapping[str, Sequence[Follows]] = {
    **dict.fromkeys(COURSES, (Follows.JOB,)),
    "CertificateSigned": (Follows.CERTIFICATE,),
    "ChangeAvailability": (Follows.AVAILABILITY,),
    "ChangeConfiguration": (
        Follows.VARIABLES_SET,
        Follows.NETWORK_PROFILE,
        Follows.ONBOARDING,
        Follows.PROFILE_CHANGE,
    ),
    "DeleteCertificate": (Follows.CERTIFICATE_DELETED,),
    "ExtendedTriggerMessage": (Follows.PROFILE_CHANGE,),
    "GetConfiguration": (Follows.MODEL_TOLD, Follows.ONBOARDING),
    "GetInstalledCertificateIds": (Follows.CERTIFICATES_TOLD,),
    "Reset": (Follows.RESET, Follows.PROFILE_CHANGE),
    "TriggerMessage": (Follows.ONBOARDING,),
}
"""Nothing follows from the outcome of other actions."""


def start(payload: JsonObject) -> Start:
    """Read a RemoteStartTransaction, which has no id of its own."""
    return Start(0, payload.get("connectorId", 0), payload["idTag"], "")


def availability_order(payload: JsonObject) -> AvailabilityOrder:
    """Read a ChangeAvailability (5.2): connector 0 is the station and all its connectors."""
    connector_id, operative = payload["connectorId"], payload["type"] == "Operative"
    return AvailabilityOrder(operative, evse_id=connector_id or WHOLE_STATION, with_parts=connector_id == 0)


def set_password(password: str) -> Request:
    """Have the station take a password (security whitepaper A01): in hexadecimal digits, as 7.2 wants it."""
    raw = password.encode()
    value = raw.hex() if len(raw) <= _LONGEST_TEXT else password
    return CHANGE_CONFIGURATION.request([{"variable": AUTHORIZATION_KEY.variable_json(), "attributeValue": value}])


def password_taken(response: JsonObject | None) -> bool:
    """Whether it took the password (A01.FR.03)."""
    return response is not None and response["status"] == "Accepted"


def passwords(payload: JsonObject) -> list[str]:
    """Return the password that a ChangeConfiguration asks the station to take."""
    return [payload["value"]] if same_key(payload["key"], AUTHORIZATION_KEY) else []


def offered_profile(payload: JsonObject) -> int:
    """Return the security profile that a ChangeConfiguration asks the station to use; 0: none."""
    value = payload.get("value", "")
    return int(value) if same_key(payload.get("key"), SECURITY_PROFILE) and value.isdecimal() else 0


def profile_step(change: ProfileChange) -> Request:
    """Return the command of a step (A05). There are no network profiles: the security profile is a key."""
    match change.step:
        case Step.CERTIFICATE:
            return Request("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
        case Step.RESET:
            return Request("Reset", {"type": "Hard"})
        case _:
            value = str(change.wanted.security_profile)
            return CHANGE_CONFIGURATION.request(
                [{"variable": SECURITY_PROFILE.variable_json(), "attributeValue": value}]
            )


def profile_answered(change: ProfileChange, response: JsonObject) -> ProfileChange:
    """Return where the change stands after the answer."""
    status = response["status"]
    if change.step is Step.CERTIFICATE and status == "Accepted":
        return change.model_copy(update={"call_id": None})  # the certificate is what is waited for
    if change.step is Step.CERTIFICATE or status not in {"Accepted", "RebootRequired"}:
        return change.failed(f"the station answered {status}")
    return change.at(Step.CONNECT if change.step is Step.RESET else Step.RESET)


def certificates(request: JsonObject, response: JsonObject) -> Named:
    """Read the answer to GetInstalledCertificateIds (M03): it is about one type."""
    kind = request["certificateType"]
    found = response.get("certificateHashData", [])
    return Named([kind], [{"certificateType": kind, "certificateHashData": each} for each in found])


def firmware_update(wanted: dict[str, Any]) -> Request:
    """Return UpdateFirmware, or SignedUpdateFirmware for firmware with its signature.

    Takes the fields of either message. What is asked for as in OCPP 2, and without signature, is written as
    UpdateFirmware has it.
    """
    firmware = wanted.get("firmware")
    if not isinstance(firmware, dict):
        return Request("UpdateFirmware", wanted)
    if "signature" in firmware or "signingCertificate" in firmware:
        return Request("SignedUpdateFirmware", wanted)
    fields = {"retrieveDate" if name == "retrieveDateTime" else name: value for name, value in firmware.items()}
    return Request(
        "UpdateFirmware", {**{name: value for name, value in wanted.items() if name != "firmware"}, **fields}
    )


def log(wanted: dict[str, Any]) -> Request:
    """Return GetLog, or GetDiagnostics for what only says where to upload to; it takes the fields of either message."""
    return Request("GetDiagnostics" if "location" in wanted else "GetLog", wanted)


JOBS = {JobKind.FIRMWARE_UPDATE: firmware_update, JobKind.LOG: log}
