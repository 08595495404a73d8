"""Energies of intervals, added up: what stands in when there is no import register. See docs/energy.md.

Sampled intervals and those of the clock (Sample.Clock) tell the same energy twice, so they are added up apart. A clock
that was set tells intervals again under other times; what looks so is taken out, and the energy is a guess.
"""

from datetime import datetime
from typing import NamedTuple

from csms_transactions.domain.counter import FAST, IMPOSSIBLE, ROUNDING_WH, pace
from csms_transactions.domain.energy import NOTHING, Energy
from csms_transactions.domain.moments import Moment
from csms_transactions.domain.places import PHASES, Values, differ
from csms_transactions.domain.quality import Reason
from csms_transactions.domain.readings import TOTAL, TRANSACTION_BEGIN, TRANSACTION_END, Location

SAMPLE_CLOCK, _TRIGGER = "Sample.Clock", "Trigger"
_RHYTHM = 3
"""So many intervals that are equally long show how long the others are."""
_LATE = 1.5
_ALIKE_S = 2.0
_LONGEST_ALIGNED_S = 3600.0
"""An interval of the clock may have begun so long before the transaction."""
_MISSING, _IMPOSSIBLE = int(Reason.INTERVALS_MISSING), int(Reason.IMPOSSIBLE)


class Sum(NamedTuple):
    """Intervals of one kind, added up."""

    wh: float = 0.0
    reads: int = 0
    at: float = 0.0
    """Time of the last one, seconds since 1970,"""
    first_at: float = 0.0
    """and of the first one."""
    first_wh: float = 0.0
    most: float = 0.0
    """Wh of the largest one."""
    shortest: float = 0.0
    """Seconds from one to the next, at least,"""
    longest: float = 0.0
    """and at most; 0: unknown."""
    kinds: int = 0
    """What told the last one: a bit for the total and for each phase;"""
    kinds_before: int = 0
    """and the one before that."""
    skipped: float = 0.0
    """Wh of those that were told again."""
    reasons: int = 0
    """`Reason`s."""
    told_at: float = 0.0
    """Time of the message that told the last one,"""
    told_first: float = 0.0
    """time of the first interval in it,"""
    before: "Sum | None" = None
    """and the sum before it, when the message tells several; None: it tells nothing again."""

    def add(self, moment: Moment, wh: float, kinds: int) -> "Sum":
        """The sum after one more interval. One that was told already is not counted again."""
        if self.reads and moment.at == self.at and not kinds & self.kinds and not (kinds | self.kinds) & 1 << TOTAL:
            return self._replace(wh=round(self.wh + wh, 3), kinds=kinds | self.kinds)  # another phase
        if self.reads and (moment.at == self.at or moment.is_before(self.at)):
            return self._replace(skipped=round(self.skipped + wh, 3))
        added = self.opened(moment).added_up(moment, wh, kinds)
        repeats = added.before is not None and added.is_repeat(added.before, moment.began_at)
        return added.without_repeats() if repeats else added

    @property
    def is_doubtful(self) -> bool:
        """Whether what was told again is not all that was known, or a phase was left out."""
        is_other = self.skipped > 0 and abs(self.skipped - self.wh) > ROUNDING_WH
        before = self.kinds_before or self.kinds
        return is_other or (self.kinds != before and not (_is_all(self.kinds) and _is_all(before)))

    def is_repeat(self, before: "Sum", began_at: float) -> bool:
        """Whether the message has told all that was known before it, at times that a clock which was set has moved."""
        moved = self.told_first - before.first_at
        if self.reads != 2 * before.reads or abs(self.at - before.at - moved) > _ALIKE_S:
            return False
        gap = self.told_first - before.at
        usual = before.longest or before.at - began_at
        return not 0 <= gap <= _LATE * usual and abs(self.wh - 2 * before.wh) <= ROUNDING_WH

    def pace_from(self, began_at: float) -> int:
        """What is doubtful about so much energy since then."""
        return _judged(self.wh, self.at - began_at) | _judged(self.first_wh, self.first_at - began_at)

    def opened(self, moment: Moment) -> "Sum":
        """The sum, ready for an interval of another message."""
        if self.told_at == moment.told_at:
            return self
        before = self._replace(before=None) if self.reads and moment.newest_at > moment.at else None
        return self._replace(told_at=moment.told_at, told_first=moment.at, before=before)

    def added_up(self, moment: Moment, wh: float, kinds: int) -> "Sum":
        """The sum with one more interval."""
        step = moment.at - self.at if self.reads else 0.0
        is_whole = moment.context == TRANSACTION_END and self._is_of_the_whole(wh, step)
        return self._replace(
            wh=wh if is_whole else round(self.wh + wh, 3),
            reads=self.reads + 1,
            at=moment.at,
            first_at=self.first_at if self.reads else moment.at,
            first_wh=self.first_wh if self.reads else wh,
            most=max(self.most, wh),
            shortest=min(self.shortest or step, step) if step > 0 else self.shortest,
            longest=max(self.longest, step),
            kinds=kinds,
            kinds_before=self.kinds,
            skipped=0.0,
            reasons=self.reasons | self._doubts(moment, wh, step) | (_MISSING if is_whole else 0),
        )

    def _doubts(self, moment: Moment, wh: float, step: float) -> int:
        doubtful = step < 0 or self._is_late(step) or self.is_doubtful or moment.context == _TRIGGER
        return (_MISSING if doubtful else 0) | _judged(wh, step)

    def _is_late(self, step: float) -> bool:
        """Whether an interval lies between, by the rhythm of the others."""
        regular = self.reads >= _RHYTHM and self.longest <= _LATE * self.shortest
        return regular and step > _LATE * self.longest

    def _is_of_the_whole(self, wh: float, step: float) -> bool:
        """Whether the interval of the end holds all the others: it is larger than they are, and no longer than one."""
        return self.reads >= _RHYTHM and 0 < step <= _LATE * self.longest and wh >= self.wh - ROUNDING_WH > 0

    def without_repeats(self) -> "Sum":
        """The sum without all that the message has told so far."""
        before = self.before or self
        return before._replace(
            at=self.at, told_at=self.told_at, told_first=self.told_first, reasons=before.reasons | _MISSING
        )


class Intervals(NamedTuple):
    """All intervals at one location."""

    sampled: Sum = Sum()
    aligned: Sum = Sum()
    """Those of the clock."""
    sampled_then: float = 0.0
    """Wh of the sampled ones when the last one of the clock was told."""
    ended: bool = False
    end_alone: bool = False
    """Of the sampled ones only that of Transaction.End was told."""
    covers_end: bool = False
    """Nothing flowed after the last one."""
    reasons: int = 0
    """`Reason`s."""

    def take(self, moment: Moment, values: Values) -> "Intervals":
        """The intervals after a reading of one more; `values` is not empty."""
        is_end = moment.context == TRANSACTION_END
        if moment.context == TRANSACTION_BEGIN or moment.starts or (self.ended and not is_end):
            return self  # it lies before the transaction, or after it
        wh, kinds, reasons = _in_total(values)
        if moment.ambiguous:
            reasons |= Reason.TWO_VALUES
        taken = self._replace(ended=self.ended or is_end, reasons=int(self.reasons | reasons))
        if moment.context == SAMPLE_CLOCK:
            covers_end = self.covers_end if self.sampled.reads else moment.is_end
            aligned = self.aligned.add(moment, wh, kinds)
            return taken._replace(aligned=aligned, covers_end=covers_end, sampled_then=self.sampled.wh)
        sampled = self.sampled.add(moment, wh, kinds)
        alone = is_end and (self.end_alone or not self.sampled.reads)
        return taken._replace(sampled=sampled, end_alone=alone, covers_end=moment.is_end)

    def energy(self, location: int, started_at: datetime | None, *, ended: bool, unsure: bool) -> Energy:
        """What the intervals say. `ended`: the transaction is; `unsure`: events are missing, or its clock was set."""
        if not (self.sampled.reads or self.aligned.reads):
            return NOTHING
        wh, told, reasons = self._counted()
        reasons |= self.reasons | told.reasons | Reason.INTERVALS
        if not unsure and started_at is not None:
            reasons |= told.pace_from(started_at.timestamp() - (_LONGEST_ALIGNED_S if told is self.aligned else 0.0))
        if unsure or told.is_doubtful:
            reasons |= Reason.INTERVALS_MISSING
        if ended and not self.covers_end:
            reasons |= Reason.NO_END
        if location != Location.OUTLET:
            reasons |= Reason.NOT_OUTLET
        return Energy(None if reasons & _IMPOSSIBLE else wh, None, None, int(reasons))

    def _counted(self) -> tuple[float, Sum, int]:
        """The energy, the intervals that tell it, and what is doubtful about the choice."""
        sampled, aligned = self.sampled, self.aligned
        if not aligned.reads:
            return sampled.wh, sampled, 0
        if not sampled.reads:  # the first one of the clock has begun before the transaction
            return aligned.wh, aligned, _MISSING
        if self.end_alone and sampled.wh < aligned.wh - aligned.first_wh:
            return round(aligned.wh + sampled.wh, 3), aligned, _MISSING
        # The first one of the clock may be of another time; when its last one ended, a sampled one may have gone on.
        apart = max(aligned.wh - aligned.first_wh - sampled.wh, self.sampled_then - aligned.wh - sampled.most)
        if not self.end_alone and not differ(apart, sampled.wh):
            return sampled.wh, sampled, 0
        told = sampled if self.end_alone or sampled.wh > aligned.wh else aligned
        return told.wh, told, _MISSING


def _in_total(values: Values) -> tuple[float, int, int]:
    """Wh of an interval, what told them, and what is doubtful about them."""
    kinds = sum(1 << kind for kind in values)
    phases = sum(wh for kind, wh in values.items() if kind != TOTAL)
    if TOTAL not in values:
        return phases, kinds, 0
    is_other = len(values) > PHASES and differ(abs(values[TOTAL] - phases), values[TOTAL])
    return values[TOTAL], kinds, int(Reason.DISAGREE) if is_other else 0


def _is_all(kinds: int) -> bool:
    """Whether these tell all energy: the total, or three phases."""
    return bool(kinds & 1 << TOTAL) or kinds.bit_count() >= PHASES


def _judged(wh: float, seconds: float) -> int:
    speed = pace(wh, seconds)
    return _IMPOSSIBLE if speed == IMPOSSIBLE else _MISSING if speed == FAST else 0
