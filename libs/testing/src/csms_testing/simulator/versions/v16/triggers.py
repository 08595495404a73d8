"""OCPP 1.6: every message that a TriggerMessage may ask for."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from csms_testing.simulator import status
from csms_testing.simulator.evse import Evse
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import Then, answer, notify
from csms_testing.simulator.link import Registration
from csms_testing.simulator.rpc import Reply
from csms_testing.simulator.versions.v16.transactions import meter_value

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_WHOLE_STATION = 0


def trigger_message(station: "Station", request: Json) -> Reply:
    """Accepted and the message; Rejected for a connector that is not there."""
    connector_id = request.get("connectorId")
    if connector_id not in (None, _WHOLE_STATION, *station.evses):
        return answer("Rejected")
    return answer("Accepted", _TRIGGERS[request["requestedMessage"]](station, connector_id))


def _boot(station: "Station", _: int | None) -> Then:
    """A station that is accepted stays so: it tells once more what it is."""

    async def boot() -> None:
        if station.registration is Registration.ACCEPTED:
            await notify(station, "BootNotification", station.version.boot(station, "Triggered"))
        else:
            station.link.boot_again("Triggered")

    return boot


def _heartbeat(station: "Station", _: int | None) -> Then:
    return station.link.heartbeat


def _status(station: "Station", connector_id: int | None) -> Then:
    async def send() -> None:
        if connector_id in (None, _WHOLE_STATION):
            station.reported = None
            await station.version.report_station(station)
        for evse in _chosen(station, connector_id):
            for connector in evse.connectors:
                await status.report(station, evse, connector)

    return send


def _chosen(station: "Station", connector_id: int | None) -> Iterable[Evse]:
    return [evse for evse in station.evses.values() if connector_id in (None, evse.id)]


def _meter_values(station: "Station", connector_id: int | None) -> Then:
    async def send() -> None:
        for evse in _chosen(station, connector_id):
            if evse.transaction is not None:
                await station.emit(evse.transaction, "Updated", "Trigger", measurands="TxUpdatedMeasurands")
            else:
                await _idle_values(station, evse)

    return send


async def _idle_values(station: "Station", evse: Evse) -> None:
    sample = evse.meter.sample(station.model.members("AlignedDataCtrlr", "Measurands"), "Trigger")
    if sample is not None:
        await notify(station, "MeterValues", {"connectorId": evse.id, "meterValue": [meter_value(sample)]})


def _idle(action: str, station: "Station", _: int | None) -> Then:
    """No transfer is ever under way: the station takes no firmware and gives no diagnostics."""

    async def send() -> None:
        await notify(station, action, {"status": "Idle"})

    return send


_TRIGGERS: dict[str, Callable[["Station", int | None], Then]] = {
    "BootNotification": _boot,
    "DiagnosticsStatusNotification": partial(_idle, "DiagnosticsStatusNotification"),
    "FirmwareStatusNotification": partial(_idle, "FirmwareStatusNotification"),
    "Heartbeat": _heartbeat,
    "MeterValues": _meter_values,
    "StatusNotification": _status,
}
