"""Steps that many cases of OCPP 1.6 share. The station is `Station`, connected with the subprotocol of 1.6."""

from typing import Any

from csms_testing.conformance.station import Payload, Station, now

PROTOCOL = "ocpp1.6"
HARDWARE = {
    "chargePointVendor": "Vendor",
    "chargePointModel": "Model 1",
    "chargePointSerialNumber": "SN-1",
    "firmwareVersion": "1.0.0",
}
WHOLE_STATION = 0
"""The connectorId of the station itself."""


async def boot(station: Station, **hardware: Any) -> Payload:  # noqa: ANN401 OCPP's values
    """Send BootNotification, return the answer whatever it is. `hardware` replaces or adds fields."""
    return await station.call("BootNotification", {**HARDWARE, **hardware})


async def booted(station: Station, *, connectors: tuple[int, ...] = (1,), **hardware: Any) -> Payload:  # noqa: ANN401
    """Boot, be accepted, tell that the station and all connectors are Available. Returns the boot's answer."""
    answer = await boot(station, **hardware)
    if answer["status"] != "Accepted":
        raise AssertionError(f"not accepted: {answer}")
    for connector_id in (WHOLE_STATION, *connectors):
        await status(station, "Available", connector_id)
    return answer


async def status(station: Station, value: str, connector_id: int = 1, **fields: Any) -> None:  # noqa: ANN401
    """Send StatusNotification; it must be answered by {}. `fields` replace or add fields: errorCode, info, ..."""
    if await station.call("StatusNotification", status_notification(value, connector_id, **fields)):
        raise AssertionError("StatusNotification is answered by an empty payload")


def status_notification(value: str, connector_id: int = 1, **fields: Any) -> Payload:  # noqa: ANN401
    """A StatusNotification request."""
    usual = {"connectorId": connector_id, "errorCode": "NoError", "status": value, "timestamp": now()}
    return {**usual, **fields}


async def authorize(station: Station, id_tag: str) -> Payload:
    """Send Authorize; return idTagInfo."""
    info: Payload = (await station.call("Authorize", {"idTag": id_tag}))["idTagInfo"]
    return info
