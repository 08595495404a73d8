"""Statuses of connectors, EVSEs and the station (G01): what NotifyEvent tells, and which of several counts.

In NotifyEvent it is the component Connector, EVSE or ChargingStation, variable AvailabilityState.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from csms_device_mgmt.device_model.variable_key import JsonObject

WHOLE_EVSE = 0
"""The connector id under which the status of an EVSE itself is kept."""
WHOLE_STATION = 0
"""The EVSE id under which the status of the station itself is kept; no EVSE has it."""
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""Before that there was no OCPP 2.0.1: a clock that says so was not set."""
AHEAD = timedelta(minutes=5)
"""So far a clock may be ahead and still be one that was set."""

STATUSES = frozenset({"Available", "Occupied", "Reserved", "Unavailable", "Faulted"})


@dataclass(frozen=True, slots=True)
class ReportedStatus:
    """A status and the station's own time of it, as it spelled it."""

    evse_id: int
    connector_id: int
    status: str
    timestamp: str | None
    """None: it told none."""
    reported: JsonObject | None = None
    """What the station said in the words of its version, where `status` is only what they mean (OCPP 1.6)."""


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
    if name == "chargingstation":
        return WHOLE_STATION, WHOLE_EVSE
    if evse is None or name not in {"connector", "evse"}:
        return None
    if name == "evse":
        return evse["id"], WHOLE_EVSE
    return (evse["id"], evse["connectorId"]) if "connectorId" in evse else None


@dataclass(frozen=True, slots=True)
class Moment:
    """When a status began, and when it was received."""

    happened_at: datetime
    received_at: datetime
    is_own_time: bool = True
    """Whether the first one is the station's time; else it is that of receipt, for the station's is implausible."""

    @property
    def order(self) -> tuple[datetime, datetime]:
        """Grows with time; nothing happens after it was received, whatever a clock that is a little ahead says."""
        return min(self.happened_at, self.received_at), self.received_at


def moment(reported_at: datetime | None, received_at: datetime) -> Moment:
    """Judge the station's time of a status; None: it is none at all."""
    if reported_at is None or not EARLIEST <= reported_at <= received_at + AHEAD:
        return Moment(received_at, received_at, is_own_time=False)
    return Moment(reported_at, received_at)


def is_outdated(seen: Moment, known: Moment, booted_at: datetime | None) -> bool:
    """Whether a status comes too late: a later one of the same connector is known.

    What began later counts; where one of the times is implausible, what was received later. A boot begins anew, for the
    station's clock may have lost its time: what is received after it replaces all from before it, never the other way
    round.
    """
    if booted_at is not None:
        seen_after, known_after = seen.received_at >= booted_at, known.received_at >= booted_at
        if seen_after != known_after:
            return known_after
    if seen.is_own_time and known.is_own_time:
        return seen.order < known.order
    return seen.received_at < known.received_at


def status_of_evse(connectors: Collection[str]) -> str | None:
    """Return the status of an EVSE that reports none itself, from those of its connectors; None: it has none.

    One connector is used at a time: an occupied or reserved one is the EVSE's state. Else it is available with any that
    is.
    """
    order = ("Occupied", "Reserved", "Available", "Faulted", "Unavailable")
    return next((status for status in order if status in connectors), None)


def is_gone(place: tuple[int, int], named: Collection[tuple[int, int | None]]) -> bool:
    """Whether a connector, or an EVSE, is not there any more, by the (EVSE, connector) of all components there are.

    An inventory that names no EVSE at all, or no connector of this one, says nothing of them.
    """
    evse_id, connector_id = place
    if evse_id == WHOLE_STATION:
        return False
    if evse_id not in {evse for evse, _ in named}:
        return bool(named)
    connectors = {connector for evse, connector in named if evse == evse_id and connector is not None}
    return connector_id != WHOLE_EVSE and bool(connectors) and connector_id not in connectors
