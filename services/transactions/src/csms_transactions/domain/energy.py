"""Says what the readings of a place mean for the energy of a transaction. See docs/energy.md."""

from collections.abc import Sequence
from typing import NamedTuple

from csms_transactions.domain.counter import ROUNDING_WH, Counter
from csms_transactions.domain.places import Place
from csms_transactions.domain.quality import Quality, Reason, quality_of
from csms_transactions.domain.readings import Location, location_of

_IMPLAUSIBLE = int(Reason.BACKWARDS | Reason.IMPOSSIBLE | Reason.NOTHING_REAL)
_NOTHING_REAL = int(Reason.NOTHING_REAL)
_NET = int(Reason.NET)


class Energy(NamedTuple):
    """The energy that was charged, as far as the readings say."""

    wh: float | None = None
    start_wh: float | None = None
    """What the register showed at the start,"""
    stop_wh: float | None = None
    """and what it showed last."""
    reasons: int = 0
    """`Reason`s."""

    @property
    def quality(self) -> Quality | None:
        """How far it can be trusted; None: too little was told to say anything."""
        wh, _, _, reasons = self
        if not reasons and wh is not None:
            return Quality.MEASURED
        return None if wh is None and not reasons & _IMPLAUSIBLE else quality_of(reasons)

    @property
    def rank(self) -> tuple[bool, bool]:
        """Of several the lowest is taken: one that is known, and covers the whole transaction."""
        return self.wh is None, bool(self.reasons & (Reason.NO_START | Reason.NO_END))


NOTHING = Energy()


def energy_of(number: int, place: Place, *, ended: bool) -> Energy:
    """What a place (`readings.place_of`) says. `ended`: the transaction is."""
    if not place.counters:
        return NOTHING
    if number == 0 and (not ended or place.covers_end) and place.is_usual:
        (_, counter), *_ = place.counters
        return Energy(counter.gained, counter.first, counter.last)
    told = place.told_counters()
    stop_wh = round(sum(counter.last for counter in told), 3)
    if not place.linked:
        return Energy(None, stop_wh, None, _NOTHING_REAL if _is_hopeless(place) else 0)
    void = [counter for counter in told if counter.void_start()]
    skipped = sum(counter.zero_step or 0.0 for counter in void)
    wh = round(place.counted() - place.begin - skipped, 3)
    reasons = _reasons(number, place, told)
    if void:
        reasons &= ~Reason.ZERO_START
        reasons |= (
            Reason.PLACEHOLDER if any(counter.gained > (counter.zero_step or 0) for counter in void) else _NOTHING_REAL
        )
    if ended and not place.covers_end:
        reasons |= Reason.NO_END
    if reasons & _NET and min(wh, -place.begin) < -ROUNDING_WH:
        reasons |= Reason.NET_BACK
    elif wh < -ROUNDING_WH:
        reasons |= Reason.BACKWARDS
    known = None if reasons & _IMPLAUSIBLE else wh
    return Energy(known, round(_first(place, told) + skipped, 3), stop_wh, int(reasons))


def _first(place: Place, told: Sequence[Counter]) -> float:
    """What the register showed at the start, or would have, had it been told then."""
    joined = place.total_joined if place.by_total else place.phases_joined
    return sum(counter.first for counter in told) + place.begin - joined


def _reasons(number: int, place: Place, told: Sequence[Counter]) -> int:
    reasons = place.all_reasons()
    if not reasons and number == 0 and place.covers_start and told[0].first != 0:  # the usual register
        return 0
    if any(counter.from_zero_unsure() for counter in told):
        reasons |= Reason.ZERO_START
    if not place.covers_start:
        reasons |= Reason.NO_START
    if location_of(number) is not Location.OUTLET:
        reasons |= Reason.NOT_OUTLET
    return int(reasons)


def _is_hopeless(place: Place) -> bool:
    """Whether there were several readings, and no two of them can be compared."""
    reasons = place.reasons | place.total_reasons | place.phases_reasons
    return bool(place.at != place.first_at or reasons & ~_NET)
