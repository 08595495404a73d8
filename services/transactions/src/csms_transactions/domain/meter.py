"""The energy register of a transaction: from sampled values to a start and a stop reading in Wh.

A station may sample the same register in several places (location) and in total or per phase. Only readings of one
source are ever subtracted from each other; the best source seen so far decides.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

ENERGY_REGISTER = "Energy.Active.Import.Register"
TRANSACTION_BEGIN = "Transaction.Begin"
TRANSACTION_END = "Transaction.End"

_LOCATIONS = {"Outlet": 0, "Cable": 2, "Body": 4, "Inlet": 6}
"""Where energy may be measured that went to the vehicle, best first; the odd numbers are sums of phases."""
_UNITS = {"wh": 0, "kwh": 3, "mwh": 6}
"""Powers of ten that make Wh of a unit."""
_MAX_EXPONENT = 18
_MOST_WH = 1e15
"""Beyond it a register reads nonsense, and what is added up could come to infinity, which JSON cannot hold."""
_FEW = 50
_EXACT = frozenset({TRANSACTION_BEGIN, TRANSACTION_END})
_DECIMALS = 3


class Sample(NamedTuple):
    """One sampledValue of the energy register, the standard's defaults (J01, J02) filled in."""

    value: float
    context: str = "Sample.Periodic"
    location: str = "Outlet"
    phase: str | None = None
    unit: str = "Wh"
    multiplier: int = 0


class Reading(NamedTuple):
    """The register at one moment."""

    at: datetime
    wh: float
    context: str
    source: int = 0
    """Which register this is; the smaller the better."""


class Meter(NamedTuple):
    """The readings that decide a transaction's energy; a fold over all readings in order."""

    start_wh: float | None = None
    stop_wh: float | None = None
    start_exact: bool = False
    """The start reading has the context Transaction.Begin."""
    stop_exact: bool = False
    """The stop reading has the context Transaction.End."""
    source: int | None = None

    @property
    def energy_wh(self) -> float | None:
        """Energy between the readings; None when one is missing or the register ran backwards."""
        if self.start_wh is None or self.stop_wh is None or self.stop_wh < self.start_wh:
            return None
        return round(self.stop_wh - self.start_wh, _DECIMALS)

    def take(self, reading: Reading) -> "Meter":
        """The meter after one more reading. A better source makes the readings of a worse one void."""
        if self.source is None or reading.source < self.source:
            return Meter(source=reading.source).take(reading)
        return self._take(reading) if reading.source == self.source else self

    def _take(self, reading: Reading) -> "Meter":
        if reading.context == TRANSACTION_BEGIN:
            return self._begin(reading.wh)
        if reading.context == TRANSACTION_END:
            return self._replace(stop_wh=reading.wh, stop_exact=True)
        if self.start_wh is None and not self.stop_exact:
            return self._replace(start_wh=reading.wh)
        return self if self.stop_exact else self._replace(stop_wh=reading.wh)

    def _begin(self, wh: float) -> "Meter":
        """The first Transaction.Begin wins; what served as start until then was a reading under way."""
        if self.start_exact:
            return self
        stop_wh = self.start_wh if self.stop_wh is None else self.stop_wh
        return self._replace(start_wh=wh, start_exact=True, stop_wh=stop_wh)


def condensed(found: Sequence[Reading]) -> tuple[Reading, ...]:
    """Return those of many readings, in order, that lead a Meter to where all of them would.

    Of each source the first and the last one of each kind: begin, end, and what lies between. So what an event weighs
    does not grow with the samples it has.
    """
    if len(found) <= _FEW:
        return tuple(found)
    first: dict[tuple[int, str], int] = {}
    last: dict[tuple[int, str], int] = {}
    for number, reading in enumerate(found):
        kind = (reading.source, reading.context if reading.context in _EXACT else "")
        first.setdefault(kind, number)
        last[kind] = number
    return tuple(found[number] for number in sorted({*first.values(), *last.values()}))


def readings(at: datetime, samples: Sequence[Sample]) -> list[Reading]:
    """The register readings of one meterValue: one for each context, from its best source."""
    if len(samples) == 1:  # the usual meter value
        reading = _best(at, samples[0].context, samples)
        return [] if reading is None else [reading]
    contexts = dict.fromkeys(sample.context for sample in samples)
    found = (_best(at, context, [s for s in samples if s.context == context]) for context in contexts)
    return [reading for reading in found if reading is not None]


def _best(at: datetime, context: str, samples: Iterable[Sample]) -> Reading | None:
    """Totals are preferred; a register that is only told per phase is the sum of its phases."""
    totals: dict[int, float] = {}
    for sample in samples:
        wh, location = to_wh(sample), _LOCATIONS.get(sample.location)
        if wh is None or location is None:
            continue
        if sample.phase is None:
            totals[location] = wh
        else:
            totals[location + 1] = round(totals.get(location + 1, 0.0) + wh, _DECIMALS)
    if not totals:
        return None
    source = min(totals)
    return Reading(at, totals[source], context, source)


def to_wh(sample: Sample) -> float | None:
    """The sample in Wh, its unit and multiplier applied; None: no unit of energy, or no usable number."""
    exponent = _UNITS.get(sample.unit.lower())
    if exponent is None or abs(sample.multiplier) > _MAX_EXPONENT or not math.isfinite(sample.value):
        return None
    exponent += sample.multiplier
    wh = float(Decimal(str(sample.value)).scaleb(exponent)) if exponent else float(sample.value)
    return wh if abs(wh) <= _MOST_WH else None
