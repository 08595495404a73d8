"""Energies of intervals and net registers: what stands in when there is no import register. See docs/energy.md."""

from collections.abc import Mapping

from csms_transactions.domain.counter import ROUNDING_WH, Counter
from csms_transactions.domain.moments import Moment
from csms_transactions.domain.places import TOLD_PHASES, TOLD_TOTAL, Place, Values
from csms_transactions.domain.quality import Reason
from csms_transactions.domain.readings import TOTAL, TRANSACTION_BEGIN, TRANSACTION_END

_NET_BACK = int(Reason.NET_BACK)


def add_interval(place: Place, moment: Moment, values: Values) -> Place:
    """Return the place after one more interval. An interval that was told already is not counted again."""
    if moment.context == TRANSACTION_BEGIN or moment.starts:  # it lies before the transaction
        return place._replace(covers_start=True)
    counters, skipped, reasons = dict(place.counters), place.skipped, place.reasons
    for kind, wh in values.items():
        known = counters.get(kind)
        if known is not None and (moment.at == known.at or moment.is_before(known.at)):
            skipped += wh
        else:
            if _is_other(skipped, counters):
                reasons |= Reason.INTERVALS_MISSING
            skipped = 0.0
            counted = known or Counter(0.0, 0.0, moment.at, 0.0, reads=0)
            counters[kind] = counted._replace(last=counted.last + wh, at=moment.at, reads=counted.reads + 1)
    told = (TOLD_TOTAL if TOTAL in counters else 0) | (TOLD_PHASES if any(counters) else 0)
    taken = place.taken(moment, tuple(sorted(counters.items())), told, linked=True)
    return taken._replace(skipped=round(skipped, 3), covers_start=True, reasons=int(taken.reasons | reasons))


def intervals_missing(place: Place) -> bool:
    """Whether not each interval was told for each register, or those that were told again are not those known."""
    reads = {counter.reads for _, counter in place.counters}
    return len(reads) > 1 or _is_other(place.skipped, dict(place.counters))


def _is_other(skipped: float, counters: Mapping[int, Counter]) -> bool:
    """Whether what was told again is not all that was known."""
    return skipped > 0 and abs(skipped - sum(counter.gained for counter in counters.values())) > ROUNDING_WH


def read_net(place: Place, moment: Moment, values: Values) -> Place:
    """The place after one more reading of a net register, which may run in both directions."""
    if place.ended and moment.context != TRANSACTION_END:
        return place
    if place.counters and moment.is_before(place.at) and moment.context != TRANSACTION_END:
        return place
    counters = dict(place.counters)
    linked = False
    for kind, wh in values.items():
        known = counters.get(kind)
        if known is None:
            counters[kind] = Counter(wh, wh, moment.at, wh)
            continue
        linked = True
        reasons = known.reasons | _NET_BACK if wh < known.last - ROUNDING_WH else known.reasons
        counters[kind] = known._replace(last=wh, at=moment.at, reads=known.reads + 1, reasons=reasons)
    told = (TOLD_TOTAL if TOTAL in values else 0) | (TOLD_PHASES if any(values) else 0)
    return place.taken(moment, tuple(sorted(counters.items())), told, linked=linked)
