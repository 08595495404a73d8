"""Turns a meter into lists and numbers for the database, and back."""

from typing import Any

from csms_transactions.domain.counter import Counter, Odd
from csms_transactions.domain.meter import Meter
from csms_transactions.domain.places import Place

_VERSION = 2


def state_of(meter: Meter) -> list[Any] | None:
    """What is stored of a meter."""
    if meter.outdated:
        return None
    places = [[number, *_place(place)] for number, place in meter.places]
    return [_VERSION, places, meter.read_at, meter.measured_at]


def meter_of(state: list[Any] | None) -> Meter:
    """The meter of which `state_of` made this; an outdated one when another version did."""
    if state is None or state[0] != _VERSION:
        return Meter(outdated=True)
    _, places, read_at, measured_at = state
    folded = tuple((number, _read_place(*rest)) for number, *rest in places)
    return Meter(folded, read_at=read_at, measured_at=measured_at)


def _place(place: Place) -> tuple[Any, ...]:
    return ([[kind, *_counter(counter)] for kind, counter in place.counters], *place[1:])


def _counter(counter: Counter) -> tuple[Any, ...]:
    return tuple(counter) if counter.odd is None else (*counter[:-1], [*counter.odd])


def _read_place(counters: list[list[Any]], *rest: Any) -> Place:  # noqa: ANN401 as JSON has it
    return Place(tuple((kind, _read_counter(*values)) for kind, *values in counters), *rest)


def _read_counter(*values: Any) -> Counter:  # noqa: ANN401 as JSON has it
    counter = Counter(*values)
    return counter if counter.odd is None else counter._replace(odd=Odd(*counter.odd))
