"""OCPP 1.6: writes the commands of this service, and reads the answers to them."""

from collections.abc import Mapping
from typing import Any

from csms_ocpp.errors import ErrorCode
from csms_ocpp.id_tags import MAX_ID_TAG
from csms_ocpp.rules.charging_profiles_16 import remote_start_profile
from csms_ocpp.validation import Violation

from csms_transactions.domain.remote import StartRequest
from csms_transactions.versions.version import Command, Json, RemoteAnswer

START = "RemoteStartTransaction"
START_FIELDS: Mapping[str, str] = {
    "idTag": "id_token",
    "connectorId": "evse_id",
    "chargingProfile": "charging_profile",
}
_STOP = "RemoteStopTransaction"


def start(request: StartRequest, _start_id: int) -> Command:
    """Write a RemoteStartTransaction, which has no id of its own."""
    payload: dict[str, Any] = {"idTag": request.token.value}
    if request.evse_id is not None:
        payload["connectorId"] = request.evse_id
    if request.charging_profile is not None:
        payload["chargingProfile"] = _profile(request.charging_profile)
    return Command(START, payload)


def start_limits(request: StartRequest) -> list[Violation]:
    """Return what this version can't do."""
    found: list[Violation] = []
    token, profile = request.token.value, request.charging_profile or {}
    if not 0 < len(token) <= MAX_ID_TAG:
        found.append(_violation("/id_token/idToken", f"an idTag of OCPP 1.6 has 1 to {MAX_ID_TAG} characters"))
    if request.group_id_token is not None:
        found.append(_violation("/group_id_token", "OCPP 1.6 has no group in a remote start"))
    if request.transaction_limit is not None:
        found.append(_violation("/transaction_limit", "OCPP 1.6 has no limits of transactions"))
    schedules = profile.get("chargingSchedule", {})
    if isinstance(schedules, list) and len(schedules) != 1:
        found.append(_violation("/charging_profile/chargingSchedule", "OCPP 1.6 takes one schedule"))
    return found


def start_rules(payload: Json) -> list[Violation]:
    """Return what is wrong with a RemoteStartTransaction that its schema allows (1.6, 5.16.2)."""
    found = remote_start_profile(payload["chargingProfile"]) if "chargingProfile" in payload else ()
    return [_violation(pointer, detail) for pointer, detail in found]


def _profile(profile: Json) -> dict[str, Any]:
    """A profile as our API takes it, those of OCPP 2.x, by the names of 1.6. One of 1.6 stays as it is."""
    told = dict(profile)
    if "id" in told:
        told["chargingProfileId"] = told.pop("id")
    match told.get("chargingSchedule"):
        case [{**schedule}]:
            told["chargingSchedule"] = {name: value for name, value in schedule.items() if name != "id"}
    return told


def start_id(_payload: Json) -> int | None:
    """Return no id: there is none."""
    return None


def stop(transaction_id: str) -> Command | None:
    """Write a RemoteStopTransaction; None: it is no id of OCPP 1.6."""
    is_number = transaction_id.isascii() and transaction_id.isdecimal()
    return Command(_STOP, {"transactionId": int(transaction_id)}) if is_number else None


def remote_answer(response: Json) -> RemoteAnswer:
    """Read a RemoteStartTransaction.conf or RemoteStopTransaction.conf."""
    return RemoteAnswer(response.get("status"))


def _violation(pointer: str, message: str) -> Violation:
    return Violation(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, pointer, message)
