"""Connector status as NotifyEvent tells it (G01): component Connector or EVSE, variable AvailabilityState."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from csms_device_mgmt.domain.device_model import JsonObject

WHOLE_EVSE = 0
"""The connector id under which the status of an EVSE itself is kept."""

STATUSES = frozenset({"Available", "Occupied", "Reserved", "Unavailable", "Faulted"})


@dataclass(frozen=True, slots=True)
class ReportedStatus:
    """A status and the station's own time of it, as it spelled it."""

    evse_id: int
    connector_id: int
    status: str
    timestamp: str


def availability_states(events: Iterable[JsonObject]) -> Iterator[ReportedStatus]:
    """Pick the connector statuses out of NotifyEvent's eventData, in order. Anything else is passed over."""
    for event in events:
        place = _place(event["component"])
        is_state = event["variable"]["name"].casefold() == "availabilitystate"
        if place and is_state and event["actualValue"] in STATUSES:
            yield ReportedStatus(*place, event["actualValue"], event["timestamp"])


def _place(component: JsonObject) -> tuple[int, int] | None:
    """Return (EVSE id, connector id); a connector without its number names no connector and is not guessed."""
    name, evse = component["name"].casefold(), component.get("evse")
    if evse is None or name not in {"connector", "evse"}:
        return None
    if name == "evse":
        return evse["id"], WHOLE_EVSE
    return (evse["id"], evse["connectorId"]) if "connectorId" in evse else None
