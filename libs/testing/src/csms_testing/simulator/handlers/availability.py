"""G03, G04: operative or not, for the station, an EVSE or a connector."""

from typing import TYPE_CHECKING

from csms_testing.simulator import status
from csms_testing.simulator.evse import Connector, Evse
from csms_testing.simulator.features import Features
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


def change_availability(station: "Station", request: Json) -> Reply:
    """Change it, or put it off until the transaction has ended (G03.FR.05)."""
    operative = request["operationalStatus"] == "Operative"
    if "evse" not in request:
        outcome = _change(station, station.features, operative=operative, busy=bool(station.transactions()))
    else:
        outcome = _change_evse(station, request["evse"], operative=operative)
    return answer(outcome, lambda: status.report_changes(station))


def _change_evse(station: "Station", wanted: Json, *, operative: bool) -> str:
    evse = station.evses.get(wanted["id"])
    if evse is None:
        return "Rejected"
    if "connectorId" not in wanted:
        return _change(evse, evse, operative=operative, busy=evse.transaction is not None)
    connector = evse.connector(wanted["connectorId"])
    if connector is None:
        return "Rejected"
    in_use = evse.transaction is not None and evse.transaction.connector_id == connector.id
    return _change(connector, connector, operative=operative, busy=in_use)


def _change(
    target: "Station | Evse | Connector", waiting: Features | Evse | Connector, *, operative: bool, busy: bool
) -> str:
    if target.operative and not operative and busy:
        waiting.inoperative_when_idle = True
        return "Scheduled"
    target.operative, waiting.inoperative_when_idle = operative, False
    return "Accepted"
