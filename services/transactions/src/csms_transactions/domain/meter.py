"""The energy of a transaction: a fold over all readings in order, and what they say in the end. See docs/energy.md."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from csms_transactions.domain.counter import is_impossible
from csms_transactions.domain.energy import NOTHING, Energy, energy_of
from csms_transactions.domain.intervals import Intervals
from csms_transactions.domain.moments import Moment
from csms_transactions.domain.places import Place
from csms_transactions.domain.quality import Reason
from csms_transactions.domain.readings import (
    EXACT,
    TOTAL,
    Location,
    Measurand,
    Reading,
    Value,
    location_of,
    measurand_of,
    place_of,
)

_FEW = 50
_AFTER_INTERVALS = place_of(Measurand.NET, Location.OUTLET)
_NET = Place(reasons=int(Reason.NET))


class Meter(NamedTuple):
    """All readings so far, by place (`readings.place_of`)."""

    places: tuple[tuple[int, Place], ...] = ()
    """The registers."""
    outdated: bool = False
    """It was stored by a version with other rules: the transaction is to be derived again from its events."""
    read_at: float = 0.0
    """The newest time of a reading in events,"""
    measured_at: float = 0.0
    """and in MeterValues messages; seconds since 1970."""
    intervals: tuple[tuple[int, Intervals], ...] = ()
    set_back: bool = False
    """An event was told with a time before that of an earlier one."""

    def take(self, reading: Reading, told: Moment) -> "Meter":
        """The meter after one more reading; `told` says how it came."""
        at = reading.at.timestamp()
        read_at, measured_at = max(self.read_at, at), self.measured_at
        if reading.apart:
            told, read_at, measured_at = Moment(at, "", at), self.read_at, max(measured_at, at)
        _, _, told_at, starts, ends, offline, _, newest_at, began_at = told
        moment = Moment(at, reading.context, told_at, starts, ends, offline, reading.ambiguous, newest_at, began_at)
        values = _by_place(reading.values)
        if len(self.places) == len(values) == 1 and self.places[0][0] in values:  # the usual station has one register
            number, place = self.places[0]
            only = ((number, place.take(moment, values[number])),)
            return Meter(only, self.outdated, read_at, measured_at, self.intervals, self.set_back)
        found, added = dict(self.places), dict(self.intervals)
        for number, by_kind in values.items():
            if len(Location) <= number < _AFTER_INTERVALS:
                added[number] = added.get(number, Intervals()).take(moment, by_kind)
            else:
                place = found.get(number) or (Place() if number < len(Location) else _NET)
                found[number] = place.take(moment, by_kind)
        places, intervals = tuple(sorted(found.items())), tuple(sorted(added.items()))
        return Meter(places, self.outdated, read_at, measured_at, intervals, self.set_back)

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
        if after is None:
            return None
        places, read_at = ((number, after),), max(self.read_at, at)
        return Meter(places, self.outdated, read_at, self.measured_at, self.intervals, self.set_back)

    def energy(self, *, ended: bool, gaps: bool, started_at: datetime | None = None) -> Energy:
        """Return the energy by the best place that covers the transaction, else by the best one.

        `gaps`: in events; `started_at`: the time of the first one, which is asked about intervals only.
        """
        if len(self.places) == 1 and not self.intervals:
            return energy_of(*self.places[0], ended=ended)
        found = {number: energy_of(number, place, ended=ended) for number, place in self.places}
        for number, added in self.intervals:
            unsure = gaps or self.set_back
            found[number] = added.energy(location_of(number), started_at, ended=ended, unsure=unsure)
        return min((found[number] for number in sorted(found)), key=lambda energy: energy.rank, default=NOTHING)


def _by_place(values: Sequence[Value]) -> dict[int, dict[int, float]]:
    if len(values) == 1:
        place, kind, wh = values[0]
        return {place: {kind: wh}}
    found: dict[int, dict[int, float]] = {}
    for place, kind, wh in values:
        found.setdefault(place, {})[kind] = wh
    return found


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
