"""OCPP 2.0.1: writes the commands of this service, and reads the answers to them."""

from collections.abc import Mapping
from typing import Any

from csms_ocpp.errors import ErrorCode
from csms_ocpp.rules.remote_start import request_start_transaction
from csms_ocpp.validation import Violation

from csms_transactions.domain.remote import StartRequest
from csms_transactions.versions.version import Command, Json, RemoteAnswer, StatusTold

START = "RequestStartTransaction"
START_FIELDS: Mapping[str, str] = {
    "idToken": "id_token",
    "evseId": "evse_id",
    "groupIdToken": "group_id_token",
    "chargingProfile": "charging_profile",
}
_STOP = "RequestStopTransaction"
ASK = "GetTransactionStatus"


def start(request: StartRequest, start_id: int) -> Command:
    """Write a RequestStartTransaction (F01, F02)."""
    payload: dict[str, Any] = {"remoteStartId": start_id, "idToken": dict(request.id_token)}
    optional = {
        "evseId": request.evse_id,
        "groupIdToken": request.group_id_token,
        "chargingProfile": request.charging_profile,
    }
    payload.update({name: value for name, value in optional.items() if value is not None})
    return Command(START, payload)


def start_limits(request: StartRequest) -> list[Violation]:
    """Return what this version can't do."""
    if request.transaction_limit is None:
        return []
    detail = "OCPP 2.0.1 has no limits of transactions"
    return [Violation(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "/transaction_limit", detail)]


def start_rules(payload: Json) -> list[Violation]:
    """Return what is wrong with a RequestStartTransaction that its schema allows."""
    found = request_start_transaction(payload)
    return [Violation(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, pointer, detail) for pointer, detail in found]


def start_id(payload: Json) -> int | None:
    """Return the remoteStartId."""
    return payload.get("remoteStartId")


def stop(transaction_id: str) -> Command:
    """Write a RequestStopTransaction (F03)."""
    return Command(_STOP, {"transactionId": transaction_id})


def remote_answer(response: Json) -> RemoteAnswer:
    """Read a RequestStartTransactionResponse or RequestStopTransactionResponse."""
    return RemoteAnswer(response.get("status"), response.get("transactionId"))


def ask_status(transaction_id: str) -> Command:
    """Write a GetTransactionStatus (E14)."""
    return Command(ASK, {"transactionId": transaction_id})


def asked_status(payload: Json) -> str | None:
    """Return the transaction that a GetTransactionStatus asks about, if it names one (E14.FR.06)."""
    asked = payload.get("transactionId")
    return asked if isinstance(asked, str) else None


def told_status(response: Json) -> StatusTold:
    """Read a GetTransactionStatusResponse."""
    return StatusTold(response.get("ongoingIndicator"), bool(response.get("messagesInQueue")))
