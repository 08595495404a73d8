"""Meter values over time, for charts: samples of one measurand, in steps of equal length. Pure."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from csms_ocpp.times import parse_datetime

from csms_transactions.domain.readings import ENERGY_REGISTER

CARRY_S = 900.0
"""So long a value counts for the sum with other EVSEs until the next comes: stations tell every quarter of an hour."""
_LOCATIONS = ("Outlet", "Cable", "Body", "Inlet", "EV", "Upstream")
_PHASES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})
_DIGITS = frozenset("0123456789+-.eE")
_MOST = 1e15
_MAX_EXPONENT = 18


class _Kind(NamedTuple):
    unit: str
    adds_up: bool
    """What phases and EVSEs show is added up; if not, of phases the greatest counts, and of EVSEs the mean."""


_KINDS = {
    "Energy": _Kind("Wh", adds_up=True),
    "Power": _Kind("W", adds_up=True),
    "Current": _Kind("A", adds_up=False),
    "SoC": _Kind("Percent", adds_up=False),
    "Voltage": _Kind("V", adds_up=False),
    "Temperature": _Kind("Celsius", adds_up=False),
    "Frequency": _Kind("Hertz", adds_up=False),
}
_THOUSANDS = {"kwh": 3, "mwh": 6, "kw": 3, "mw": 6, "ka": 3, "kv": 3}
"""Powers of ten; `mW` is no unit of OCPP."""


class Measurand(StrEnum):
    """What there are series of: names of OCPP."""

    POWER = "Power.Active.Import"
    POWER_OFFERED = "Power.Offered"
    POWER_EXPORT = "Power.Active.Export"
    CURRENT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    SOC = "SoC"
    ENERGY = ENERGY_REGISTER
    ENERGY_EXPORT = "Energy.Active.Export.Register"
    VOLTAGE = "Voltage"
    TEMPERATURE = "Temperature"
    FREQUENCY = "Frequency"

    @property
    def unit(self) -> str:
        """The unit of the series."""
        return self._kind.unit

    @property
    def adds_up(self) -> bool:
        """Whether the values of several EVSEs are added up."""
        return self._kind.adds_up or self.startswith("Current")

    @property
    def of_phases(self) -> bool:
        """Whether the values of phases are added up."""
        return self._kind.adds_up

    @property
    def _kind(self) -> _Kind:
        return _KINDS[self.partition(".")[0]]


class Sample(NamedTuple):
    """What was measured at a moment."""

    at: datetime
    value: float


def samples_of(meter_values: Iterable[Mapping[str, Any]], measurand: Measurand) -> Iterator[Sample]:
    """Yield the samples in OCPP's meter values, of any version; those that cannot be read are left out."""
    for one in meter_values:
        found: dict[tuple[int, str], float] = {}
        for sampled in one.get("sampledValue", ()):
            if sampled.get("measurand", ENERGY_REGISTER) == measurand and sampled.get("format", "Raw") == "Raw":
                value = _value(sampled)
                location = sampled.get("location", "Outlet")
                if value is not None and location in _LOCATIONS:
                    found.setdefault((_LOCATIONS.index(location), sampled.get("phase") or ""), value)
        value = _joined(found, adds_up=measurand.of_phases)
        at = _moment(one.get("timestamp"))
        if value is not None and at is not None:
            yield Sample(at, value)


def _joined(found: Mapping[tuple[int, str], float], *, adds_up: bool) -> float | None:
    """One value of what was told at one moment: at the best place, the total rather than its phases."""
    if not found:
        return None
    best = min(place for place, _ in found)
    phases = {phase: value for (place, phase), value in found.items() if place == best}
    if "" in phases:
        return phases[""]
    told = [value for phase, value in phases.items() if phase in _PHASES]
    if not told:
        return None
    return sum(told) if adds_up else max(told)


def _value(sampled: Mapping[str, Any]) -> float | None:
    told = sampled.get("value")
    if isinstance(told, str):
        text = told.strip()
        if not text or not _DIGITS.issuperset(text):
            return None
        try:
            told = float(text)
        except ValueError:
            return None
    if not isinstance(told, int | float) or not math.isfinite(told):
        return None
    unit = sampled.get("unitOfMeasure") or {}
    name, exponent = str(unit.get("unit") or sampled.get("unit") or ""), unit.get("multiplier") or 0
    exponent += _THOUSANDS.get(name.strip().lower(), 0)
    if abs(exponent) > _MAX_EXPONENT:
        return None
    value = float(told) * 10.0**exponent
    return value if abs(value) <= _MOST else None


def _moment(text: object) -> datetime | None:
    try:
        return parse_datetime(str(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Point(NamedTuple):
    """What was measured in a step."""

    at: datetime
    """Its beginning."""
    min: float
    mean: float
    max: float
    last: float
    told: int
    """How many values there were."""


_Values = tuple[float, float, float, float]
"""Least, mean, greatest, last."""


class _Told(NamedTuple):
    values: _Values
    number: int


class _Bucket:
    __slots__ = ("at", "count", "last", "max", "min", "sum")

    def __init__(self, sample: Sample) -> None:
        self.at, self.count = sample.at, 1
        self.min = self.max = self.sum = self.last = sample.value

    def add(self, sample: Sample) -> None:
        self.count += 1
        self.sum += sample.value
        self.min, self.max = min(self.min, sample.value), max(self.max, sample.value)
        if sample.at >= self.at:
            self.at, self.last = sample.at, sample.value

    @property
    def shown(self) -> _Values:
        return self.min, self.sum / self.count, self.max, self.last


@dataclass(slots=True)
class Series:
    """The samples of one EVSE in steps, in whatever order they come. It has as many steps as the time has, at most."""

    since: datetime
    until: datetime
    step: timedelta
    ends: list[datetime] = field(default_factory=list)
    """When transactions ended there: what was measured before counts no longer."""
    _buckets: dict[int, _Bucket] = field(default_factory=dict)

    def add(self, samples: Iterable[Sample]) -> None:
        """Take samples; those of other times are left out."""
        for sample in samples:
            if self.since <= sample.at < self.until:
                number = (sample.at - self.since) // self.step
                bucket = self._buckets.get(number)
                if bucket is None:
                    self._buckets[number] = _Bucket(sample)
                else:
                    bucket.add(sample)

    def points(self) -> list[Point]:
        """Return the steps in which something was measured."""
        return [
            Point(self.since + number * self.step, *bucket.shown, bucket.count)
            for number, bucket in sorted(self._buckets.items())
        ]

    def carried(self) -> dict[int, _Told]:
        """Return the steps with the value before in those where nothing was measured, as long as that counts."""
        found: dict[int, _Told] = {}
        numbers, ends = sorted(self._buckets), sorted(self.ends)
        for number, following in zip(numbers, [*numbers[1:], (self.until - self.since) // self.step], strict=True):
            bucket = self._buckets[number]
            found[number] = _Told(bucket.shown, bucket.count)
            counts_until = bucket.at + timedelta(seconds=CARRY_S)
            ended = bisect_right(ends, bucket.at)
            if ended < len(ends):
                counts_until = min(counts_until, ends[ended])
            for empty in range(number + 1, following):
                if self.since + empty * self.step >= counts_until:
                    break
                found[empty] = _Told((bucket.last,) * 4, 0)
        return found


def together(series: Sequence[Series], measurand: Measurand) -> list[Point]:
    """Return the series of several EVSEs as one: their sum, or their mean where a sum says nothing."""
    if len(series) == 1:
        return series[0].points()
    found: dict[int, list[_Told]] = {}
    for one in series:
        for number, one_told in one.carried().items():
            found.setdefault(number, []).append(one_told)
    points = []
    for number, all_told in sorted(found.items()):
        share = 1 if measurand.adds_up else len(all_told)
        least, mean, most, last = (
            sum(column) / share for column in zip(*(one.values for one in all_told), strict=True)
        )
        count = sum(one.number for one in all_told)
        points.append(Point(series[0].since + number * series[0].step, least, mean, most, last, count))
    return points
