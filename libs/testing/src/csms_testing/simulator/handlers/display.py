"""I02, O01-O06, P01: what a driver sees, and vendor data."""

from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, notify, parts
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


def set_display_message(station: "Station", request: Json) -> Reply:
    """O01, O02, O06: a known id replaces the message."""
    message = request["message"]
    if message["message"]["format"] not in station.model.members("DisplayMessageCtrlr", "SupportedFormats"):
        return answer("NotSupportedMessageFormat")
    wanted = message.get("transactionId")
    if wanted is not None and wanted not in {transaction.id for transaction in station.transactions()}:
        return answer("UnknownTransaction")
    station.features.messages[message["id"]] = message
    _count(station)
    return answer("Accepted")


def _count(station: "Station") -> None:
    station.model.write("DisplayMessageCtrlr", "DisplayMessages", str(len(station.features.messages)))


def clear_display_message(station: "Station", request: Json) -> Reply:
    """O05."""
    found = station.features.messages.pop(request["id"], None)
    _count(station)
    return answer("Accepted" if found else "Unknown")


def get_display_messages(station: "Station", request: Json) -> Reply:
    """O03, O04."""
    found = [
        message
        for message in station.features.messages.values()
        if message["id"] in request.get("id", [message["id"]])
        and all(request.get(name, message.get(name)) == message.get(name) for name in ("priority", "state"))
    ]
    if not found:
        return answer("Unknown")
    return answer("Accepted", lambda: _report(station, request["requestId"], found))


async def _report(station: "Station", request_id: int, messages: list[Json]) -> None:
    for _, tbc, chunk in parts(messages, station.config.report_part_size):
        payload = {"requestId": request_id, "tbc": tbc, "messageInfo": chunk}
        await notify(station, "NotifyDisplayMessages", payload)


def cost_updated(station: "Station", request: Json) -> Reply:
    """I02."""
    for transaction in station.transactions():
        if transaction.id == request["transactionId"]:
            transaction.total_cost = request["totalCost"]
    return Reply({})


def data_transfer(_: "Station", __: Json) -> Reply:
    """P01: the simulator knows no vendor's messages."""
    return answer("UnknownVendorId")
