"""OCPP 1.6: the status of the station, connector 0, and of each connector. Connector n is that of EVSE n."""

from typing import TYPE_CHECKING

from csms_testing.simulator import status
from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.evse import Connector, ConnectorStatus, Evse
from csms_testing.simulator.frames import Json

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_STATION = 0
_IN_USE = ("Charging", "SuspendedEV", "SuspendedEVSE")


def word(station: "Station", evse: Evse, connector: Connector) -> str:
    """The ChargePointStatus of a connector now."""
    general = station.status(evse.id, connector.id)
    if general in (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE):
        return general.value
    if evse.transaction is not None:
        state = evse.transaction.charging_state
        return state if state in _IN_USE else "Preparing"
    if connector.plugged:
        return "Finishing" if connector.charged else "Preparing"
    return general.value


async def tell(station: "Station", evse: Evse, _: Connector, current: str) -> None:
    """Send a StatusNotification. Raises what `Station.call` raises."""
    await station.call("StatusNotification", payload(evse.id, current))


async def report_station(station: "Station") -> None:
    """Report connector 0 when the CSMS does not know its status."""
    current = "Available" if station.operative else "Unavailable"
    if not station.accepted or station.reported == current:
        return
    station.reported = current
    if not await status.settled(station.call("StatusNotification", payload(_STATION, current))):
        station.reported = None


def payload(connector_id: int, current: str) -> Json:
    """A StatusNotification request."""
    error = "OtherError" if current == ConnectorStatus.FAULTED else "NoError"
    return {"connectorId": connector_id, "errorCode": error, "status": current, "timestamp": timestamp()}
