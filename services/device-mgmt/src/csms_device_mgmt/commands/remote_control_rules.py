"""Rules of remote control (E14, F03, F05, F06); those of remote starts are in csms_ocpp.rules."""

from collections.abc import Iterator

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.commands.place_rules import evse, numbered
from csms_device_mgmt.device_model.variable_key import JsonObject


def request_stop_transaction(payload: JsonObject) -> Iterator[Finding]:
    """F03.FR.01: a transaction is stopped by its id."""
    if not payload["transactionId"]:
        yield Finding("/transactionId", "the id of the transaction is needed (F03.FR.01)")


def get_transaction_status(payload: JsonObject) -> Iterator[Finding]:
    """E14.FR.06: the question about all transactions has no transactionId, not an empty one."""
    if payload.get("transactionId") == "":
        yield Finding("/transactionId", "the question about all transactions omits it (E14.FR.06)")


def unlock_connector(payload: JsonObject) -> Iterator[Finding]:
    """F05.FR.01: one connector of one EVSE is unlocked."""
    yield from numbered(payload, "evseId", "F05.FR.01")
    yield from numbered(payload, "connectorId", "F05.FR.01")


def trigger_message(payload: JsonObject) -> Iterator[Finding]:
    """F06.FR.13: a StatusNotification is triggered for one connector; F06.FR.02: only the main meter is on EVSE 0."""
    wanted, place = payload["requestedMessage"], payload.get("evse")
    if wanted == "StatusNotification" and "connectorId" not in (place or {}):
        pointer = "/evse" if place is None else "/evse/connectorId"
        yield Finding(pointer, "a StatusNotification needs evse.id and evse.connectorId (F06.FR.13)")
    if wanted == "MeterValues" and place and place["id"] == 0:
        yield from numbered(place, "connectorId", "F06.FR.02", "/evse")
    else:
        yield from evse(payload, "F06.FR.02")
