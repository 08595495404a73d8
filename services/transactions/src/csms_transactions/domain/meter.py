"""The energy of a transaction: a fold over all readings in order, and what they say in the end. See docs/energy.md."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from csms_transactions.domain.counter import is_impossible
from csms_transactions.domain.energy import NOTHING, Energy, energy_of
from csms_transactions.domain.moments import Moment
from csms_transactions.domain.places import Place
from csms_transactions.domain.readings import EXACT, TOTAL, Location, Measurand, Reading, Value, measurand_of
from csms_transactions.domain.sums import add_interval, read_net

_FEW = 50


class Meter(NamedTuple):
    """All readings so far, by place (`readings.place_of`)."""

    places: tuple[tuple[int, Place], ...] = ()
    outdated: bool = False
    """It was stored by a version with other rules: the transaction is to be derived again from its events."""
    read_at: float = 0.0
    """The newest time of a reading in events,"""
    measured_at: float = 0.0
    """and in MeterValues messages; seconds since 1970."""

    def take(self, reading: Reading, told: Moment) -> "Meter":
        """The meter after one more reading; `told` says how it came."""
        at = reading.at.timestamp()
        read_at, measured_at = max(self.read_at, at), self.measured_at
        if reading.apart:
            told, read_at, measured_at = Moment(at, "", at), self.read_at, max(measured_at, at)
        moment = Moment(
            at, reading.context, told.told_at, told.starts, told.ends, told.offline, reading.ambiguous, told.newest_at
        )
        values = _by_place(reading.values)
        if len(self.places) == len(values) == 1 and self.places[0][0] in values:  # the usual station has one register
            number, place = self.places[0]
            places = ((number, _take(number, place, moment, values[number])),)
            return Meter(places, self.outdated, read_at, measured_at)
        found = dict(self.places)
        for number, by_kind in values.items():
            found[number] = _take(number, found.get(number, Place()), moment, by_kind)
        return Meter(tuple(sorted(found.items())), self.outdated, read_at, measured_at)

    def risen(self, reading: Reading, *, starts: bool) -> "Meter | None":
        """The meter after one more reading of its only register, which went on as usual; None: `take` knows.

        It gives what `take` gives for the only reading of an event that does not end the transaction, in a quarter of
        the time. `starts`: the event starts it.
        """
        if len(self.places) != 1 or len(reading.values) != 1 or reading.apart:
            return None
        (number, place), (told, kind, wh) = self.places[0], reading.values[0]
        if told != number or kind != TOTAL or number >= len(Location) or reading.ambiguous or reading.context in EXACT:
            return None
        at = reading.at.timestamp()
        after = place.risen(wh, at) if place.covers_start or not starts else None
        return (
            None if after is None else Meter(((number, after),), self.outdated, max(self.read_at, at), self.measured_at)
        )

    def energy(self, *, ended: bool, gaps: bool) -> Energy:
        """Return the energy by the best place that covers the transaction, else by the best one. `gaps`: in events."""
        if len(self.places) == 1:
            return energy_of(*self.places[0], ended=ended, gaps=gaps)
        found = [energy_of(number, place, ended=ended, gaps=gaps) for number, place in self.places]
        return min(found, key=lambda energy: energy.rank, default=NOTHING)


def _by_place(values: Sequence[Value]) -> dict[int, dict[int, float]]:
    if len(values) == 1:
        place, kind, wh = values[0]
        return {place: {kind: wh}}
    found: dict[int, dict[int, float]] = {}
    for place, kind, wh in values:
        found.setdefault(place, {})[kind] = wh
    return found


def _take(number: int, place: Place, moment: Moment, values: dict[int, float]) -> Place:
    if number < len(Location):  # a register: no look at the enumeration for each reading
        return place.take(moment, values)
    match measurand_of(number):
        case Measurand.INTERVAL:
            return add_interval(place, moment, values)
        case Measurand.NET:
            return read_net(place, moment, values)
        case Measurand.REGISTER:
            return place.take(moment, values)


def condensed(found: Sequence[Reading]) -> tuple[Reading, ...]:
    """Return those of many readings, in order, that lead a Meter to where all of them would.

    Where registers only rise, what lies between the first and the last reading says nothing. So what an event weighs
    does not grow with the samples it has.
    """
    if len(found) <= _FEW:
        return tuple(found)
    kept = list(found[:2])
    for reading, after in pairwise(found[2:]):
        steps = ((kept[-2], kept[-1]), (kept[-1], reading), (reading, after), (kept[-1], after))
        if not all(_rises(*step) for step in steps):
            kept.append(reading)
    return (*kept, found[-1])


def _rises(before: Reading, after: Reading) -> bool:
    """Whether the same registers go on as before."""
    if before.context in EXACT or after.context in EXACT or before.ambiguous or after.ambiguous:
        return False
    seconds = (after.at - before.at).total_seconds()
    return len(before.values) == len(after.values) and all(
        old.place == new.place
        and old.kind == new.kind
        and measurand_of(old.place) is Measurand.REGISTER
        and 0 < old.wh <= new.wh
        and not is_impossible(new.wh - old.wh, seconds)
        for old, new in zip(before.values, after.values, strict=True)
    )
