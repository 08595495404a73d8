"""From sampled values to readings: what the registers of energy showed at one moment, in Wh. See docs/energy.md."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

TRANSACTION_BEGIN = "Transaction.Begin"
TRANSACTION_END = "Transaction.End"
EXACT = frozenset({TRANSACTION_BEGIN, TRANSACTION_END})
_RANK = {TRANSACTION_BEGIN: 0, TRANSACTION_END: 2}
"""The begin comes first and the end last."""
SLACK_S = 60.0
"""A reading may be so much younger than the time of its message."""
ENERGY_REGISTER = "Energy.Active.Import.Register"


class Measurand(IntEnum):
    """What is counted, what says most about the energy of a transaction first."""

    REGISTER = 0
    INTERVAL = 1
    NET = 2


class Location(IntEnum):
    """Where it is measured, the best first. What the vehicle measures is never taken."""

    OUTLET = 0
    CABLE = 1
    BODY = 2
    INLET = 3


MEASURANDS = {
    ENERGY_REGISTER: Measurand.REGISTER,
    "Energy.Active.Import.Interval": Measurand.INTERVAL,
    "Energy.Active.Net": Measurand.NET,
}
_LOCATIONS = {"Outlet": Location.OUTLET, "Cable": Location.CABLE, "Body": Location.BODY, "Inlet": Location.INLET}
_PLACES = {
    (measurand, location): len(Location) * rank + where
    for measurand, rank in MEASURANDS.items()
    for location, where in _LOCATIONS.items()
}
TOTAL = 0
_PHASES = {None: TOTAL, "L1": 1, "L1-N": 1, "L2": 2, "L2-N": 2, "L3": 3, "L3-N": 3, "L1-L2": 4, "L2-L3": 5, "L3-L1": 6}
"""A phase to neutral and the same phase alone are one; the neutral takes no energy."""
_BETWEEN_PHASES = 4
_UNITS = {"wh": 0, "kwh": 3, "mwh": 6}
"""Powers of ten that make Wh of a unit."""
_MAX_EXPONENT = 18
_MOST_WH = 1e15
"""Beyond it a register reads nonsense, and what is added up could come to infinity, which JSON cannot hold."""
_ALIKE_WH = 1.0
"""Two values of one register at one moment that differ by no more were only rounded."""


class Sample(NamedTuple):
    """One sampledValue of energy, the standard's defaults (J01, J02) filled in."""

    value: float
    context: str = "Sample.Periodic"
    location: str = "Outlet"
    phase: str | None = None
    unit: str = "Wh"
    multiplier: int = 0
    measurand: str = ENERGY_REGISTER


class Value(NamedTuple):
    """What one register showed."""

    place: int
    """Which measurand at which location: `place_of`."""
    kind: int
    """TOTAL, or the number of a phase."""
    wh: float


class Reading(NamedTuple):
    """The registers at one moment."""

    at: datetime
    context: str
    values: tuple[Value, ...]
    """In order of place and kind."""
    ambiguous: bool = False
    """A register was told twice, with different values."""
    apart: bool = False
    """It came in a MeterValues message, not in an event of a transaction."""


def place_of(measurand: Measurand, location: Location) -> int:
    """Return the number of a measurand at a location."""
    return len(Location) * measurand + location


def measurand_of(place: int) -> Measurand:
    """Return what is counted there."""
    return Measurand(place // len(Location))


def location_of(place: int) -> Location:
    """Return where that is."""
    return Location(place % len(Location))


def readings(
    samples: Iterable[tuple[datetime, Sample]], told_at: datetime | None = None, *, apart: bool = False
) -> list[Reading]:
    """The readings in samples, in order of time: one for each moment and context.

    Those that seem to be of a time after that of the message are of one before, by a clock that was set back since, if
    their registers say so, too.
    """
    told = samples if isinstance(samples, list) else list(samples)
    if len(told) == 1:  # the usual event
        at, sample = told[0]
        value = _value(sample)
        return [] if value is None else [Reading(at, sample.context, (value,), False, apart)]  # noqa: FBT003 as below
    found: dict[tuple[datetime, str], list[Sample]] = {}
    for at, sample in told:
        found.setdefault((at, sample.context), []).append(sample)
    made = [_reading(at, context, group, apart) for (at, context), group in found.items()]
    known = sorted((reading for reading in made if reading.values), key=_order)
    return known if told_at is None else _by_two_clocks(known, told_at)


def _order(reading: Reading) -> tuple[int, datetime]:
    return _RANK.get(reading.context, 1), reading.at


def _by_two_clocks(known: list[Reading], told_at: datetime) -> list[Reading]:
    """Those after the message first, if the registers say that they are older."""
    slack = timedelta(seconds=SLACK_S)  # not added to a time, which may be the last one there is
    older = [reading for reading in known if reading.at - told_at > slack]
    newer = [reading for reading in known if reading.at - told_at <= slack]
    if not older or not newer:
        return known
    before = {(place, kind): wh for place, kind, wh in older[-1].values}
    steps = [wh - before[place, kind] for place, kind, wh in newer[0].values if (place, kind) in before]
    if not steps or min(steps) < 0:
        return known
    return sorted(known, key=lambda reading: (_RANK.get(reading.context, 1), reading.at - told_at <= slack, reading.at))


def _reading(at: datetime, context: str, samples: Sequence[Sample], apart: bool) -> Reading:  # noqa: FBT001 as Reading has it
    values: dict[tuple[int, int], float] = {}
    ambiguous = False
    for value in filter(None, map(_value, samples)):
        place, kind, wh = value
        first = values.setdefault((place, kind), wh)
        ambiguous = ambiguous or abs(first - wh) > _ALIKE_WH
    return Reading(at, context, _comparable(values), ambiguous, apart)


def _value(sample: Sample) -> Value | None:
    """What a sample says; None: nothing that is counted."""
    place, kind, wh = _PLACES.get((sample.measurand, sample.location)), _PHASES.get(sample.phase), to_wh(sample)
    if place is None or kind is None or wh is None or (wh < 0 and measurand_of(place) is not Measurand.NET):
        return None
    return Value(place, kind, wh)


def _comparable(values: Mapping[tuple[int, int], float]) -> tuple[Value, ...]:
    """Without what is measured between phases, where phases are told, which hold it already."""
    if len(values) > 1:
        phased = {place for place, kind in values if TOTAL < kind < _BETWEEN_PHASES}
        values = {at: wh for at, wh in values.items() if at[1] < _BETWEEN_PHASES or at[0] not in phased}
    return tuple(Value(place, kind, values[place, kind]) for place, kind in sorted(values))


def to_wh(sample: Sample) -> float | None:
    """The sample in Wh, its unit and multiplier applied; None: no unit of energy, or no usable number."""
    exponent = _UNITS.get(sample.unit.lower())
    if exponent is None or abs(sample.multiplier) > _MAX_EXPONENT or not math.isfinite(sample.value):
        return None
    exponent += sample.multiplier
    wh = float(Decimal(str(sample.value)).scaleb(exponent)) if exponent else float(sample.value)
    return wh if abs(wh) <= _MOST_WH else None
