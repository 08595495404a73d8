"""The rule of uptime, as docs/uptime.md says it: what counts as up, down, planned and unknown, moment by moment. Pure.

It needs records, not their order: whatever came twice, late or in another order, the result is the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

WHOLE = 0
"""The EVSE id of the station itself, and the connector id of an EVSE itself."""
_USABLE = frozenset({"Available", "Occupied", "Reserved"})
_UNUSABLE = frozenset({"Faulted", "Unavailable"})
_NEVER = datetime.max.replace(tzinfo=UTC)


class State(StrEnum):
    """What a moment counts as."""

    UP = "up"
    DOWN = "down"
    PLANNED = "planned"
    """Not to be used, as the operator ordered."""
    UNKNOWN = "unknown"
    """There is no record yet."""


@dataclass(frozen=True, slots=True, order=True)
class Connection:
    """A connection of the station."""

    opened_at: datetime
    connection_id: str
    closed_at: datetime | None = None
    """None: nobody said that it ended. It then ends when the next one opens, at the latest."""


@dataclass(frozen=True, slots=True, order=True)
class StatusReport:
    """A status of a connector, an EVSE or the station."""

    at: datetime
    record_id: str
    """Decides between two of the same moment, and tells repeats."""
    evse_id: int
    connector_id: int
    status: str


@dataclass(frozen=True, slots=True, order=True)
class AvailabilityOrder:
    """A ChangeAvailability that the station agreed to (G03, G04)."""

    at: datetime
    record_id: str
    evse_id: int
    connector_id: int
    operative: bool
    with_parts: bool = False
    """It changes EVSEs and connectors, too, whatever was ordered of them (OCPP 1.6, connector 0)."""


@dataclass(frozen=True, slots=True)
class Records:
    """What is known of a station: all of the period, and of each place the last before it."""

    connections: Sequence[Connection] = ()
    statuses: Sequence[StatusReport] = ()
    orders: Sequence[AvailabilityOrder] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.connections) + len(self.statuses) + len(self.orders)


@dataclass(slots=True)
class Sums:
    """How long each state lasted."""

    of: dict[State, timedelta] = field(default_factory=lambda: dict.fromkeys(State, timedelta()))

    def add(self, state: State, lasted: timedelta) -> None:
        """Count a time in which nothing changed."""
        self.of[state] += lasted

    @property
    def share(self) -> float | None:
        """Up, of up and down: from 0 to 1; None: there was neither."""
        counted = self.of[State.UP] + self.of[State.DOWN]
        return self.of[State.UP] / counted if counted else None


@dataclass(frozen=True, slots=True)
class Uptime:
    """The result for a period."""

    station: Sums
    evses: dict[int, Sums]
    """By EVSE id: of each that told a status before the period's end."""


def uptime(records: Records, since: datetime, until: datetime) -> Uptime:
    """Sum up what each moment from `since` until `until` counts as. `until` is not after now.

    Costs time in proportion to the number of records times the number of EVSEs.
    """
    changes = _changes(records, until)
    known = {change.evse_id for _, _, change in changes if isinstance(change, StatusReport)} - {WHOLE}
    result = Uptime(Sums(), {evse_id: Sums() for evse_id in sorted(known)})
    station = _Station()
    last = since
    for at, _, change in changes:
        if at > last:
            _add(result, station, at - last)
            last = at
        station.apply(change)
    if until > last:
        _add(result, station, until - last)
    return result


def _add(result: Uptime, station: "_Station", lasted: timedelta) -> None:
    states = {evse_id: station.state_of(evse_id) for evse_id in result.evses}
    for evse_id, state in states.items():
        result.evses[evse_id].add(state, lasted)
    result.station.add(station.state(states.values()), lasted)


_Change = StatusReport | AvailabilityOrder | bool
"""True and False: a connection begins, or ends."""
_At = tuple[datetime, tuple[int, str], _Change]


def _changes(records: Records, until: datetime) -> list[_At]:
    """Return what changes before `until`, in one order whatever the order of the records."""
    found: list[_At] = list(_of_connections(records.connections))
    found += [(one.at, (2, one.record_id), one) for one in set(records.orders)]
    found += [(one.at, (3, one.record_id), one) for one in set(records.statuses)]
    return sorted((one for one in found if one[0] < until), key=lambda one: one[:2])


def _of_connections(connections: Iterable[Connection]) -> Iterator[_At]:
    """Each end comes after its beginning, also where clocks differ."""
    ordered = sorted(set(connections), key=lambda one: (one.opened_at, one.connection_id, one.closed_at or _NEVER))
    for one, following in zip_longest(ordered, ordered[1:]):
        yield one.opened_at, (0, one.connection_id), True
        told = one.closed_at
        ended_at = max(told, one.opened_at) if told is not None else following.opened_at if following else None
        if ended_at is not None:
            yield ended_at, (1, one.connection_id), False


class _Station:
    """A station at a moment, as far as the records before it say."""

    def __init__(self) -> None:
        self._open = 0
        self._is_known = False
        self._statuses: dict[int, dict[int, str]] = {}
        self._inoperative: set[tuple[int, int]] = set()

    def apply(self, change: _Change) -> None:
        """Take what changes at this moment."""
        if isinstance(change, StatusReport):
            self._statuses.setdefault(change.evse_id, {})[change.connector_id] = change.status
        elif isinstance(change, AvailabilityOrder):
            self._order(change)
        else:
            self._open += 1 if change else -1
            self._is_known = True

    def _order(self, order: AvailabilityOrder) -> None:
        if order.with_parts:
            self._inoperative.clear()
        place = order.evse_id, order.connector_id
        if order.operative:
            self._inoperative.discard(place)
        else:
            self._inoperative.add(place)

    def state_of(self, evse_id: int) -> State:
        """Return what this moment counts as for an EVSE."""
        connectors = self._statuses.get(evse_id)
        if not self._is_known or connectors is None:
            return State.UNKNOWN
        if self._serves and _is_usable(connectors):
            return State.UP
        return State.PLANNED if self._is_planned(evse_id, connectors) else State.DOWN

    def state(self, evses: Iterable[State]) -> State:
        """Return what it counts as for the station: up while any EVSE is; `evses` are their states."""
        if not self._is_known:
            return State.UNKNOWN
        found = set(evses)
        for state in (State.UP, State.DOWN, State.PLANNED):
            if state in found:
                return state
        if self._serves:  # no EVSE has told a status yet
            return State.UP
        return State.PLANNED if (WHOLE, WHOLE) in self._inoperative else State.DOWN

    @property
    def _serves(self) -> bool:
        """Whether it is connected, and says nothing against it itself."""
        return self._open > 0 and self._statuses.get(WHOLE, {}).get(WHOLE) not in _UNUSABLE

    def _is_planned(self, evse_id: int, connectors: Iterable[int]) -> bool:
        if not self._inoperative:
            return False
        if (WHOLE, WHOLE) in self._inoperative or (evse_id, WHOLE) in self._inoperative:
            return True
        own = [connector for connector in connectors if connector != WHOLE]
        return bool(own) and all((evse_id, connector) in self._inoperative for connector in own)


def _is_usable(connectors: dict[int, str]) -> bool:
    """What the EVSE says of itself counts, else whether any of its connectors can be used."""
    own = connectors.get(WHOLE)
    return own in _USABLE if own is not None else not _USABLE.isdisjoint(connectors.values())
