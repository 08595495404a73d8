"""The energy of a transaction: a fold over all readings in order, and what they say in the end. See docs/energy.md."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from csms_transactions.domain.counter import is_impossible
from csms_transactions.domain.energy import NOTHING, Energy, energy_of
from csms_transactions.domain.intervals import SAMPLE_CLOCK, Intervals
from csms_transactions.domain.moments import Moment
from csms_transactions.domain.places import Place
from csms_transactions.domain.quality import Reason
from csms_transactions.domain.readings import (
    EXACT,
    TOTAL,
    TRANSACTION_BEGIN,
    TRANSACTION_END,
    Location,
    Measurand,
    Reading,
    Value,
    location_of,
    measurand_of,
    place_of,
)

_FEW = 50
MOST_VALUES = 4000
"""About so many values of an event are kept: folding them takes 50 ms, and as JSON they take 400 kB at most."""
_MERGED = "Merged"
"""The context of a reading without values, which says that some before it stand for several."""
_MERGED_REASON = int(Reason.MERGED)
_AFTER_REGISTERS = len(Location)
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
        if not reading.values:
            return self._marked()
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
            if _AFTER_REGISTERS <= number < _AFTER_INTERVALS:
                added[number] = added.get(number, Intervals()).take(moment, by_kind)
            else:
                place = found.get(number) or (Place() if number < _AFTER_REGISTERS else _NET)
                found[number] = place.take(moment, by_kind)
        places, intervals = tuple(sorted(found.items())), tuple(sorted(added.items()))
        return Meter(places, self.outdated, read_at, measured_at, intervals, self.set_back)

    def _marked(self) -> "Meter":
        places = tuple((at, place._replace(reasons=place.reasons | _MERGED_REASON)) for at, place in self.places)
        intervals = tuple((at, one._replace(reasons=one.reasons | _MERGED_REASON)) for at, one in self.intervals)
        return self._replace(places=places, intervals=intervals)

    def risen(self, reading: Reading, *, starts: bool) -> "Meter | None":
        """The meter after one more reading of its only register, which went on as usual; None: `take` knows.

        It gives what `take` gives for the only reading of an event that does not end the transaction, in a quarter of
        the time. `starts`: the event starts it.
        """
        places, outdated, read_at, measured_at, intervals, set_back = self
        moment, context, values, ambiguous, apart = reading
        if len(places) != 1 or len(values) != 1 or apart:
            return None
        (number, place), (told, kind, wh) = places[0], values[0]
        if told != number or kind != TOTAL or number >= _AFTER_REGISTERS or ambiguous or context in EXACT:
            return None
        at = moment.timestamp()
        after = place.risen(wh, at) if not starts or place.covers_start else None
        if after is None:
            return None
        return Meter(((number, after),), outdated, max(read_at, at), measured_at, intervals, set_back)

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
    does not grow with the samples it has. Of what is still more than MOST_VALUES, readings that follow each other are
    made one, which is noted in the quality of the energy.
    """
    if len(found) <= _FEW:
        return tuple(found)
    kept = _without_rising(found)
    return kept if _count(kept) <= MOST_VALUES else _merged(kept)


def _without_rising(found: Sequence[Reading]) -> tuple[Reading, ...]:
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


def _count(found: Iterable[Reading]) -> int:
    return sum(len(reading.values) for reading in found)


def _merged(found: Sequence[Reading]) -> tuple[Reading, ...]:
    """About MOST_VALUES of them: the first and the last ones as they are, those between made one, two by two."""
    begin = [reading for reading in found if reading.context == TRANSACTION_BEGIN]
    rest = [reading for reading in found if reading.context not in EXACT]
    end = [reading for reading in found if reading.context == TRANSACTION_END]
    between, last = rest[_FEW:-_FEW], rest[_FEW:][-_FEW:]
    while _count(between) > MOST_VALUES:
        between = list(_halved(between))
    mark = found[-1]._replace(context=_MERGED, values=())
    return (*_ends(begin), *rest[:_FEW], *between, *last, *_ends(end), mark)


def _ends(found: list[Reading]) -> list[Reading]:
    """Those of the begin, or of the end: all are of one moment."""
    return found if len(found) <= _FEW else [found[0], *found[1 - _FEW :]]


def _halved(found: Sequence[Reading]) -> Iterator[Reading]:
    """One reading for each two. Sampled ones and those of the clock tell the same energy, so they stay apart."""
    waiting: dict[bool, Reading] = {}
    for reading in found:
        of_clock = reading.context == SAMPLE_CLOCK
        before = waiting.pop(of_clock, None)
        if before is None:
            waiting[of_clock] = reading
        else:
            yield _one(before, reading)
    yield from waiting.values()


def _one(before: Reading, after: Reading) -> Reading:
    """One reading for two: energies of intervals are added up, registers show what they showed last."""
    values = {(place, kind): wh for place, kind, wh in before.values}
    for place, kind, wh in after.values:
        is_interval = measurand_of(place) is Measurand.INTERVAL
        values[place, kind] = values.get((place, kind), 0.0) + wh if is_interval else wh
    told = tuple(Value(place, kind, values[place, kind]) for place, kind in sorted(values))
    return after._replace(values=told, ambiguous=before.ambiguous or after.ambiguous)
