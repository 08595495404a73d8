"""What the readings of a place say about the energy of a transaction. See docs/energy.md."""

from collections.abc import Sequence
from typing import NamedTuple

from csms_transactions.domain.counter import Counter
from csms_transactions.domain.doubts import Doubt, Quality, quality_of
from csms_transactions.domain.places import Place
from csms_transactions.domain.readings import Location, Measurand, location_of, measurand_of
from csms_transactions.domain.sums import intervals_missing

_IMPLAUSIBLE = int(Doubt.BACKWARDS | Doubt.IMPOSSIBLE | Doubt.NOTHING_REAL)
_NOTHING_REAL = int(Doubt.NOTHING_REAL)
_ROUNDING_WH = 1.0


class Energy(NamedTuple):
    """What was charged, as far as the readings say."""

    wh: float | None = None
    start_wh: float | None = None
    """What the register showed at the start,"""
    stop_wh: float | None = None
    """and what it showed last."""
    doubts: int = 0
    """`Doubt`s."""

    @property
    def quality(self) -> Quality | None:
        """How far it can be trusted; None: too little was told to say anything."""
        return None if self.wh is None and not self.doubts & _IMPLAUSIBLE else quality_of(self.doubts)

    @property
    def rank(self) -> tuple[bool, bool]:
        """Of several the lowest is taken: one that is known, and covers the whole transaction."""
        return self.wh is None, bool(self.doubts & (Doubt.NO_START | Doubt.NO_END))


NOTHING = Energy()


def energy_of(number: int, place: Place, *, ended: bool, gaps: bool) -> Energy:
    """What a place (`readings.place_of`) says. `ended`: the transaction is; `gaps`: some of its events are missing."""
    if not place.counters:
        return NOTHING
    told = place.told_counters()
    stop_wh = round(sum(counter.last for counter in told), 3)
    if not place.linked:
        return Energy(None, stop_wh, None, _NOTHING_REAL if _is_hopeless(place) else 0)
    void = [counter for counter in told if counter.void_start()]
    skipped = sum(counter.zero_step or 0.0 for counter in void)
    wh = round(place.counted() - place.begin - skipped, 3)
    doubts = _doubts(number, place, told, gaps=gaps)
    if void:
        doubts &= ~Doubt.ZERO_START
        doubts |= (
            Doubt.PLACEHOLDER if any(counter.gained > (counter.zero_step or 0) for counter in void) else _NOTHING_REAL
        )
    if ended and not place.covers_end:
        doubts |= Doubt.NO_END
    if wh < -_ROUNDING_WH and measurand_of(number) is not Measurand.NET:
        doubts |= Doubt.BACKWARDS
    known = None if doubts & _IMPLAUSIBLE else wh
    if measurand_of(number) is Measurand.INTERVAL:
        return Energy(known, None, None, int(doubts))
    return Energy(known, round(_first(place, told) + skipped, 3), stop_wh, int(doubts))


def _first(place: Place, told: Sequence[Counter]) -> float:
    """What the register showed at the start, or would have, had it been told then."""
    joined = place.total_joined if place.by_total else place.phases_joined
    return sum(counter.first for counter in told) + place.begin - joined


def _doubts(number: int, place: Place, told: Sequence[Counter], *, gaps: bool) -> int:
    doubts = place.all_doubts()
    if not doubts and number == 0 and place.covers_start and told[0].zero_step is None:  # the usual register
        return 0
    if any(counter.from_zero_unsure() for counter in told):
        doubts |= Doubt.ZERO_START
    if not place.covers_start:
        doubts |= Doubt.NO_START
    if location_of(number) is not Location.OUTLET:
        doubts |= Doubt.NOT_OUTLET
    match measurand_of(number):
        case Measurand.NET:
            doubts |= Doubt.NET
        case Measurand.INTERVAL:
            doubts |= Doubt.INTERVALS
            if gaps or intervals_missing(place):
                doubts |= Doubt.INTERVALS_MISSING
    return int(doubts)


def _is_hopeless(place: Place) -> bool:
    """Whether there were several readings, none of which can be compared with another."""
    return bool(place.at != place.first_at or place.doubts | place.total_doubts | place.phases_doubts)
