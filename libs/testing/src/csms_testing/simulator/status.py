"""Telling the CSMS about connectors (G01); OCPP 2.0.1 has StatusNotification, NotifyEvent or both."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.errors import CallRefused, CallTimeout, NotConnected, SchemaViolation
from csms_testing.simulator.evse import Connector, ConnectorStatus, Evse
from csms_testing.simulator.frames import Json

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


async def report_changes(station: "Station") -> None:
    """Report every place whose status the CSMS does not know yet; nothing while offline."""
    await station.version.report_station(station)
    for evse in station.evses.values():
        for connector in evse.connectors:
            if station.accepted and station.version.status(station, evse, connector) != connector.reported:
                await report(station, evse, connector)


def forget(station: "Station") -> None:
    """After a boot every place is reported anew (B01.FR.05)."""
    station.reported = None
    for evse in station.evses.values():
        for connector in evse.connectors:
            connector.reported = None


async def report(station: "Station", evse: Evse, connector: Connector) -> None:
    """Report one connector, known or not; not delivered means that it is reported after the next reconnect."""
    current = station.version.status(station, evse, connector)
    connector.reported = current
    _note_in_model(station, evse, connector)
    if not await settled(station.version.tell_status(station, evse, connector, current)):
        connector.reported = None


async def settled(telling: Awaitable[object]) -> bool:
    """Tell the CSMS something; False: it is to be said again when there is a connection."""
    try:
        await telling
    except (NotConnected, CallTimeout):
        return False
    except (CallRefused, SchemaViolation):
        pass  # the CSMS knows and does not like it; saying it again would not help
    return True


def word(station: "Station", evse: Evse, connector: Connector) -> str:
    """The ConnectorStatusEnumType of a connector now."""
    return station.status(evse.id, connector.id).value


async def tell(station: "Station", evse: Evse, connector: Connector, current: str) -> None:
    """Say it in OCPP 2.0.1. Raises what `Station.call` raises."""
    if station.config.status_notifications:
        payload = {
            "timestamp": timestamp(),
            "connectorStatus": current,
            "evseId": evse.id,
            "connectorId": connector.id,
        }
        await station.call("StatusNotification", payload)
    if station.config.status_events:
        await station.call("NotifyEvent", _event(station, evse, connector, current))


def _event(station: "Station", evse: Evse, connector: Connector, current: str) -> Json:
    return notify_event(
        station,
        component={"name": "Connector", "evse": {"id": evse.id, "connectorId": connector.id}},
        variable={"name": "AvailabilityState"},
        value=current,
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


def _note_in_model(station: "Station", evse: Evse, connector: Connector) -> None:
    model, current = station.model, station.status(evse.id, connector.id)
    model.write("Connector", "AvailabilityState", current.value, evse=evse.id, connector=connector.id)
    model.write("EVSE", "AvailabilityState", current.value, evse=evse.id)
    problem = "true" if current is ConnectorStatus.FAULTED else "false"
    model.write("Connector", "Problem", problem, evse=evse.id, connector=connector.id)
