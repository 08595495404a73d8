"""OCPP 1.6: StartTransaction, MeterValues and StopTransaction, as which the events of a transaction are told.

The CSMS gives the id in its answer to StartTransaction, which may come hours later. So what follows gets it when its
turn comes. StartTransaction and StopTransaction are the events 0 and 1 in the CSMS; MeterValues are none.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Json
from csms_testing.simulator.messages import Message
from csms_testing.simulator.transaction import Transaction
from csms_testing.simulator.versions.v16.tokens import id_token_info

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_UNKNOWN_ID = -1
"""What stations write in a StopTransaction whose StartTransaction they gave up."""
_REGISTER = "Energy.Active.Import.Register"
_REASONS = {
    "DeAuthorized", "EVDisconnected", "EmergencyStop", "HardReset", "Local", "PowerLoss", "Reboot", "Remote",
    "SoftReset", "UnlockCommand",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Told:
    """A message about a transaction, made of the event that a station of 2.0.1 tells instead."""

    transaction: Transaction
    event: Json
    request: Json


@dataclass(frozen=True, slots=True)
class StartTransaction(_Told):
    """The begin of a transaction."""

    action: str = "StartTransaction"

    def payload(self) -> Json:
        """See `Message`."""
        return self.request

    def understood(self, answer: Json) -> Json:
        """See `Message`."""
        self.transaction.given_id = answer["transactionId"]
        self.transaction.id = str(answer["transactionId"])
        return {"idTokenInfo": id_token_info(answer["idTagInfo"])}


@dataclass(frozen=True, slots=True)
class MeterValues(_Told):
    """Readings in a transaction; without its id when it never got one."""

    action: str = "MeterValues"

    def payload(self) -> Json:
        """See `Message`."""
        number = self.transaction.given_id
        return self.request if number is None else {**self.request, "transactionId": number}

    def understood(self, _: Json) -> Json:
        """See `Message`."""
        return {}


@dataclass(frozen=True, slots=True)
class StopTransaction(_Told):
    """The end of a transaction."""

    action: str = "StopTransaction"

    def payload(self) -> Json:
        """See `Message`."""
        number = self.transaction.given_id
        return {**self.request, "transactionId": _UNKNOWN_ID if number is None else number}

    def understood(self, answer: Json) -> Json:
        """See `Message`."""
        return {"idTokenInfo": id_token_info(answer["idTagInfo"])} if "idTagInfo" in answer else {}


def message(station: "Station", transaction: Transaction, event: Json) -> Message | None:
    """What is sent for an event; nothing for one between begin and end without meter values."""
    if event["eventType"] == "Updated":
        return _values(transaction, event) if "meterValue" in event else None
    register = int(station.evses[transaction.evse_id].meter.register_wh)
    if event["eventType"] == "Started":
        return _start(transaction, event, register)
    return _stop(transaction, event, register)


def _start(transaction: Transaction, event: Json, register: int) -> StartTransaction:
    request = {
        "connectorId": transaction.evse_id,
        "idTag": event["idToken"]["idToken"],
        "meterStart": register,
        "timestamp": event["timestamp"],
    }
    return StartTransaction(transaction, _counted(event, 0, register), request)


def _stop(transaction: Transaction, event: Json, register: int) -> StopTransaction:
    reason = event["transactionInfo"]["stoppedReason"]
    request: Json = {
        "meterStop": register,
        "timestamp": event["timestamp"],
        "reason": reason if reason in _REASONS else "Other",
    }
    if "idToken" in event:
        request["idTag"] = event["idToken"]["idToken"]
    if "meterValue" in event:
        request["transactionData"] = [meter_value(value) for value in event["meterValue"]]
    return StopTransaction(transaction, _untyped(_counted(event, 1, register)), request)


def _untyped(event: Json) -> Json:
    """The event with the token as the message tells it; the CSMS finds the type of the one that started only."""
    return {**event, "idToken": {**event["idToken"], "type": ""}} if "idToken" in event else event


def _counted(event: Json, seq_no: int, register: int) -> Json:
    """The event with its number in the CSMS, and with the register that the message tells."""
    sampled = {"value": register, "measurand": _REGISTER}
    return {**event, "seqNo": seq_no, "meterValue": [{"timestamp": event["timestamp"], "sampledValue": [sampled]}]}


def _values(transaction: Transaction, event: Json) -> MeterValues:
    request = {
        "connectorId": transaction.evse_id,
        "meterValue": [meter_value(value) for value in event["meterValue"]],
    }
    uncounted = {name: value for name, value in event.items() if name != "seqNo"}
    return MeterValues(transaction, uncounted, request)


def meter_value(told: Json) -> Json:
    """A MeterValue of 1.6 from a MeterValueType."""
    return {"timestamp": told["timestamp"], "sampledValue": [_sampled(value) for value in told["sampledValue"]]}


def _sampled(told: Json) -> Json:
    kept: Json = {name: told[name] for name in ("context", "measurand", "location") if name in told}
    return {"value": f"{told['value']:.12g}", "unit": told["unitOfMeasure"]["unit"], **kept}
