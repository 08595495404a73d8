"""Turns a meter into lists and numbers for the database, and back."""

from typing import Any

from csms_transactions.domain.counter import Counter, Odd
from csms_transactions.domain.intervals import Intervals, Sum
from csms_transactions.domain.meter import Meter
from csms_transactions.domain.places import Place

_VERSION = 3


def state_of(meter: Meter) -> list[Any] | None:
    """What is stored of a meter."""
    if meter.outdated:
        return None
    places, _, read_at, measured_at, intervals, set_back = meter
    registers = [[number, *_place(place)] for number, place in places]
    added = [[number, *_intervals(one)] for number, one in intervals] if intervals else []
    return [_VERSION, registers, read_at, measured_at, added, set_back]


def meter_of(state: list[Any] | None) -> Meter:
    """The meter of which `state_of` made this; an outdated one when another version did."""
    if state is None or state[0] != _VERSION:
        return Meter(outdated=True)
    _, places, read_at, measured_at, intervals, set_back = state
    folded = tuple((number, _read_place(*rest)) for number, *rest in places)
    added = tuple((number, _read_intervals(*rest)) for number, *rest in intervals)
    return Meter(folded, read_at=read_at, measured_at=measured_at, intervals=added, set_back=set_back)


def _place(place: Place) -> tuple[Any, ...]:
    counters: list[list[Any]] = [[kind, *counter] for kind, counter in place.counters]
    for values in counters:
        odd = values[-1]  # of the counter
        if odd is not None:
            values[-1] = [*odd]
    return (counters, *place[1:])


def _read_place(counters: list[list[Any]], *rest: Any) -> Place:  # noqa: ANN401 as JSON has it
    return Place(tuple((kind, _read_counter(*values)) for kind, *values in counters), *rest)


def _read_counter(*values: Any) -> Counter:  # noqa: ANN401 as JSON has it
    counter = Counter(*values)
    return counter if counter.odd is None else counter._replace(odd=Odd(*counter.odd))


def _intervals(added: Intervals) -> tuple[Any, ...]:
    return (_sum(added.sampled), _sum(added.aligned), *added[2:])


def _sum(added: Sum) -> tuple[Any, ...]:
    return tuple(added) if added.before is None else (*added[:-1], [*added.before])


def _read_intervals(sampled: list[Any], aligned: list[Any], *rest: Any) -> Intervals:  # noqa: ANN401 as JSON has it
    return Intervals(_read_sum(*sampled), _read_sum(*aligned), *rest)


def _read_sum(*values: Any) -> Sum:  # noqa: ANN401 as JSON has it
    added = Sum(*values)
    return added if added.before is None else added._replace(before=Sum(*added.before))
