"""Steps that many cases share. A connector's status goes out twice, as stations of both kinds send it (G01)."""

from typing import Any

from csms_testing.conformance.station import Payload, Station, now
from csms_testing.conformance.tokens import id_token

HARDWARE = {"model": "Model 1", "vendorName": "Vendor", "serialNumber": "SN-1", "firmwareVersion": "1.0.0"}

Evse = tuple[int, int]
"""Ids of EVSE and connector."""


async def boot(station: Station, reason: str = "PowerUp", **hardware: Any) -> Payload:  # noqa: ANN401 OCPP's values
    """Send BootNotification, return the answer whatever it is. `hardware` replaces fields of chargingStation."""
    return await station.call("BootNotification", {"reason": reason, "chargingStation": {**HARDWARE, **hardware}})


async def booted(
    station: Station,
    reason: str = "PowerUp",
    *,
    evses: tuple[Evse, ...] = ((1, 1),),
    **hardware: Any,  # noqa: ANN401 OCPP's values
) -> Payload:
    """State Booted: boot, accepted, all connectors Available. Returns the BootNotification response."""
    answer = await boot(station, reason, **hardware)
    if answer["status"] != "Accepted":
        raise AssertionError(f"not accepted: {answer}")
    for evse in evses:
        await status(station, "Available", evse)
    return answer


async def status(station: Station, value: str, evse: Evse = (1, 1)) -> None:
    """Tell a connector's status by StatusNotification and by NotifyEvent; both must be answered by {}."""
    if await station.call("StatusNotification", status_notification(value, evse)):
        raise AssertionError("StatusNotification is answered by an empty payload")
    if await station.call("NotifyEvent", availability_event(value, evse)):
        raise AssertionError("NotifyEvent is answered by an empty payload")


def status_notification(value: str, evse: Evse = (1, 1)) -> Payload:
    """A StatusNotification request."""
    return {"timestamp": now(), "connectorStatus": value, "evseId": evse[0], "connectorId": evse[1]}


def availability_event(value: str, evse: Evse = (1, 1)) -> Payload:
    """A NotifyEvent request about a connector's AvailabilityState."""
    event = {
        "eventId": 1,
        "timestamp": now(),
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": {"id": evse[0], "connectorId": evse[1]}},
        "variable": {"name": "AvailabilityState"},
    }
    return {"generatedAt": now(), "seqNo": 0, "eventData": [event]}


async def authorize(station: Station, token: str, kind: str = "ISO14443") -> Payload:
    """Send Authorize; return idTokenInfo."""
    answer = await station.call("Authorize", {"idToken": id_token(token, kind)})
    info: Payload = answer["idTokenInfo"]
    return info
