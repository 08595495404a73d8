"""Telling the CSMS about connectors (G01), by StatusNotification, NotifyEvent or both."""

from typing import TYPE_CHECKING

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.errors import CallRefused, CallTimeout, NotConnected, SchemaViolation
from csms_testing.simulator.evse import Connector, ConnectorStatus, Evse
from csms_testing.simulator.frames import Json

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


async def report_changes(station: "Station") -> None:
    """Report every connector whose status the CSMS does not know yet; nothing while offline."""
    for evse in station.evses.values():
        for connector in evse.connectors:
            if station.accepted and station.status(evse.id, connector.id) != connector.reported:
                await report(station, evse, connector)


def forget(station: "Station") -> None:
    """After a boot every connector is reported anew (B01.FR.05)."""
    for evse in station.evses.values():
        for connector in evse.connectors:
            connector.reported = None


async def report(station: "Station", evse: Evse, connector: Connector) -> None:
    """Report one connector, known or not; not delivered means that it is reported after the next reconnect."""
    current = station.status(evse.id, connector.id)
    connector.reported = current
    _note_in_model(station, evse, connector, current)
    try:
        await _tell(station, evse, connector, current)
    except (NotConnected, CallTimeout):
        connector.reported = None
    except (CallRefused, SchemaViolation):
        pass  # the CSMS knows and does not like it; saying it again would not help


async def _tell(station: "Station", evse: Evse, connector: Connector, current: ConnectorStatus) -> None:
    if station.config.status_notifications:
        payload = {
            "timestamp": timestamp(),
            "connectorStatus": current.value,
            "evseId": evse.id,
            "connectorId": connector.id,
        }
        await station.call("StatusNotification", payload)
    if station.config.status_events:
        await station.call("NotifyEvent", _event(station, evse, connector, current))


def _event(station: "Station", evse: Evse, connector: Connector, current: ConnectorStatus) -> Json:
    return notify_event(
        station,
        component={"name": "Connector", "evse": {"id": evse.id, "connectorId": connector.id}},
        variable={"name": "AvailabilityState"},
        value=current.value,
    )


def notify_event(station: "Station", *, component: Json, variable: Json, value: str, trigger: str = "Delta") -> Json:
    """A NotifyEventRequest with one event of a hard-wired notification (N07)."""
    event = {
        "eventId": station.features.next_event_id(),
        "timestamp": timestamp(),
        "trigger": trigger,
        "actualValue": value,
        "component": component,
        "variable": variable,
        "eventNotificationType": "HardWiredNotification",
    }
    return {"generatedAt": timestamp(), "seqNo": 0, "tbc": False, "eventData": [event]}


def _note_in_model(station: "Station", evse: Evse, connector: Connector, current: ConnectorStatus) -> None:
    model = station.model
    model.write("Connector", "AvailabilityState", current.value, evse=evse.id, connector=connector.id)
    model.write("EVSE", "AvailabilityState", current.value, evse=evse.id)
    problem = "true" if current is ConnectorStatus.FAULTED else "false"
    model.write("Connector", "Problem", problem, evse=evse.id, connector=connector.id)
