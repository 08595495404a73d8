"""A register at one location in the course of a transaction: its total and its phases, which are one register.

Total and phases are counted beside each other; what is told later than the other joins at the energy counted so far.
Whichever was told last gives the energy. See docs/energy.md.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from csms_transactions.domain.counter import ROUNDING_WH, Counter, is_impossible
from csms_transactions.domain.moments import Moment
from csms_transactions.domain.quality import Reason
from csms_transactions.domain.readings import EXACT, TOTAL, TRANSACTION_BEGIN, TRANSACTION_END

PHASES = 3
TOLD_TOTAL, TOLD_PHASES = 1, 2
_SMALL_WH = 10_000.0
_DISAGREE_WH, _DISAGREE = 20.0, 0.02
_NET = int(Reason.NET)
_BEGUN_AGAIN = int(Reason.RESET | Reason.ROLLOVER)
Values = Mapping[int, float]
"""Wh by kind: TOTAL or the number of a phase."""


class Place(NamedTuple):
    """All readings at one place, folded."""

    counters: tuple[tuple[int, Counter], ...] = ()
    """By kind, the total first."""
    first_at: float = 0.0
    """Time of the first reading,"""
    at: float = 0.0
    """and of the last one that was taken."""
    told: int = 0
    """What the last reading told: TOLD_TOTAL, TOLD_PHASES or both."""
    total_joined: float = 0.0
    """Energy when the total was told first,"""
    phases_joined: float = 0.0
    """and when phases were."""
    begin: float = 0.0
    """Energy at the begin, when that was told after other readings."""
    linked: bool = False
    """Two readings were compared."""
    begun: bool = False
    ended: bool = False
    covers_start: bool = False
    """Nothing flowed before the first reading."""
    covers_end: bool = False
    """Nothing flowed after the last one."""
    reasons: int = 0
    """`Reason`s for less than the best quality; NET from the begin when it is a net register,"""
    total_reasons: int = 0
    """of the total alone,"""
    phases_reasons: int = 0
    """and of the phases."""

    def take(self, moment: Moment, values: Values) -> "Place":
        """The place after one more reading; `values` is not empty."""
        if self.ended and moment.context != TRANSACTION_END:
            return self
        if self.counters:
            is_begin = moment.context == TRANSACTION_BEGIN and not self.begun
            if is_begin or moment.at < self.first_at <= moment.told_at:
                return self._earlier(moment, values)
            if moment.context != TRANSACTION_END and moment.is_before(self.at):
                return self._history(values)
            if moment.context == TRANSACTION_END:
                values = {kind: wh for kind, wh in values.items() if wh or not self._has_left_zero(kind)}
        return self._apply(moment, values) if values else self

    def risen(self, wh: float, at: float) -> "Place | None":
        """The place after the total rose as usual; None: `take` knows what is to be done."""
        values: list[Any] = list(self)
        counters, first_at, last_at = values[:3]
        if len(counters) != 1 or values[_ENDED] or at < last_at or at < first_at:
            return None
        kind, counter = counters[0]
        after = counter.risen(wh, at) if kind == TOTAL else None
        if after is None:
            return None
        values[_COUNTERS], values[_AT], values[_TOLD] = ((TOTAL, after),), at, TOLD_TOTAL
        values[_LINKED], values[_COVERS_END] = True, False
        return Place._make(values)  # `_replace` would take twice as long

    def counted(self) -> float:
        """The energy so far, by whatever was told last; 0: the first reading."""
        return self.total_energy() if self.by_total else self.phases_energy()

    @property
    def by_total(self) -> bool:
        """Whether the total says it, not the phases."""
        return self.counters[0][0] == TOTAL and (bool(self.told & TOLD_TOTAL) or len(self.counters) == 1)

    @property
    def is_usual(self) -> bool:
        """Whether it is a total with a reading from the start, about which there is nothing to say."""
        counters, _, _, _, _, _, begin, linked, _, _, covers_start, _, reasons, _, _ = self
        kind, counter = counters[0]
        one_of_them = len(counters) == 1 and kind == TOTAL and linked and covers_start
        return one_of_them and counter.first != 0 and not (reasons or begin or counter.reasons)

    def told_counters(self) -> list[Counter]:
        """Those registers that say it."""
        return [counter for kind, counter in self.counters if (kind == TOTAL) is self.by_total]

    def all_reasons(self) -> int:
        """What is doubtful about the energy so far."""
        reasons = self.reasons | (self.total_reasons if self.by_total else self.phases_reasons)
        for kind, counter in self.counters:
            reasons |= counter.reasons if (kind == TOTAL) is self.by_total else counter.reasons & _BEGUN_AGAIN
        if not self.by_total and self.is_behind():
            reasons |= Reason.PHASES_MISSING
        return int(reasons | Reason.DISAGREE) if self._disagrees(reasons) else int(reasons)

    def _apply(self, moment: Moment, values: Values) -> "Place":
        if len(self.counters) == len(values) == 1 and TOTAL in values and self.counters[0][0] == TOTAL:
            counters = (
                (TOTAL, self.counters[0][1].read(values[TOTAL], moment.at, ends=moment.context == TRANSACTION_END)),
            )
            if moment.context in EXACT or moment.starts or moment.ambiguous:
                return self.taken(moment, counters, TOLD_TOTAL, linked=True)
            return self._replace(
                counters=counters, at=moment.at, told=TOLD_TOTAL, linked=True, covers_end=moment.is_end
            )
        before = dict(self.counters)
        after = {**before, **{kind: self._read(before.get(kind), wh, moment) for kind, wh in values.items()}}
        _keep_in_step(before, after, values)
        told = (TOLD_TOTAL if TOTAL in values else 0) | (TOLD_PHASES if any(values) else 0)
        taken = self.taken(moment, tuple(sorted(after.items())), told, linked=any(kind in before for kind in values))
        return taken.joined(self, values, moment) if len(after) > len(before) and before else taken

    def _read(self, counter: Counter | None, wh: float, moment: Moment) -> Counter:
        if counter is None:
            return Counter(wh, wh, moment.at, wh, reasons=self.reasons & _NET, offline=moment.offline)
        return counter.read(wh, moment.at, ends=moment.context == TRANSACTION_END)

    def taken(self, moment: Moment, counters: tuple[tuple[int, Counter], ...], told: int, *, linked: bool) -> "Place":
        """The place with these counters after a reading of them."""
        return self._replace(
            counters=counters,
            first_at=self.first_at if self.counters else moment.at,
            at=moment.at,
            told=told,
            linked=self.linked or linked,
            begun=self.begun or moment.context == TRANSACTION_BEGIN,
            ended=self.ended or moment.context == TRANSACTION_END,
            covers_start=self.covers_start or moment.starts or moment.context == TRANSACTION_BEGIN,
            covers_end=moment.is_end,
            reasons=self.reasons | Reason.TWO_VALUES if moment.ambiguous else self.reasons,
        )

    def joined(self, before: "Place", values: Values, moment: Moment) -> "Place":
        """What was told for the first time begins with the energy counted so far."""
        known = {kind for kind, _ in before.counters}
        if TOTAL in values and TOTAL not in known:
            return self._total_joins(before, moment, with_phases=any(values))
        if known == {TOTAL}:
            return self._phases_join(before, values, moment)
        together = moment.context != TRANSACTION_BEGIN and (
            any(kind in known for kind in values if kind != TOTAL) or before.rounds() > 1
        )
        return self._replace(phases_reasons=self.phases_reasons | Reason.PHASES_JOINED) if together else self

    def _total_joins(self, before: "Place", moment: Moment, *, with_phases: bool) -> "Place":
        if with_phases:
            return self._replace(total_joined=self.phases_energy(), total_reasons=before.phases_reasons_now())
        gap = self.counter(TOTAL).last - before.phases_sum()
        joined, reason = _bridged(gap, moment.at - before.at, len(before.counters), behind=before.is_behind())
        reasons = before.phases_reasons_now() | reason
        return self._replace(
            total_joined=round(before.phases_energy() + joined, 3),
            total_reasons=reasons,
            linked=before.linked or reason != Reason.NOT_BRIDGED,
        )

    def _phases_join(self, before: "Place", values: Values, moment: Moment) -> "Place":
        total = before.counter(TOTAL)
        reasons = self.total_reasons | _reasons_of(total)
        if TOTAL in values:
            return self._replace(
                phases_joined=self.total_energy(), phases_reasons=reasons | self.counter(TOTAL).reasons
            )
        joined, reason = _bridged(sum(values.values()) - total.last, moment.at - before.at, len(values), behind=False)
        return self._replace(
            phases_joined=round(before.total_energy() + joined, 3),
            phases_reasons=reasons | reason,
            total_reasons=self.total_reasons | (reason & Reason.NOT_BRIDGED),
            linked=before.linked or reason != Reason.NOT_BRIDGED,
        )

    def phases_reasons_now(self) -> int:
        """What is doubtful about the phases so far."""
        reasons = self.phases_reasons
        for counter in self._phases():
            reasons |= _reasons_of(counter)
        return reasons | Reason.PHASES_MISSING if self.is_behind() else reasons

    def _earlier(self, moment: Moment, values: Values) -> "Place":
        """A reading from before the first one, told after it; what comes before the begin does not count."""
        if self.begun:
            return self
        is_begin = moment.context == TRANSACTION_BEGIN
        begin, reason = self._energy_at(values)
        unsure = moment.offline and not any(values.values())
        at_zero = unsure and -begin > _SMALL_WH
        if reason == Reason.NOT_BRIDGED or at_zero or is_impossible(-begin, self.first_at - moment.at):
            return self._replace(reasons=self.reasons | Reason.PLACEHOLDER)
        return self._replace(
            begin=round(begin, 3),
            first_at=min(moment.at, self.first_at),
            linked=True,
            begun=is_begin,
            covers_start=self.covers_start or is_begin or moment.starts,
            reasons=int(self.reasons | reason | (Reason.ZERO_START if unsure else 0)),
        )

    def _energy_at(self, values: Values) -> tuple[float, int]:
        """The energy, counted from the first readings, at which registers showed these values."""
        first = {kind: counter.first for kind, counter in self.counters}
        common = [kind for kind in values if kind in first and kind != TOTAL]
        if TOTAL in values and TOTAL in first:
            return self.total_joined + values[TOTAL] - first[TOTAL], 0
        if common:
            reason = 0 if len(common) == len(values) == len(first) else Reason.PHASES_JOINED
            return self.phases_joined + sum(values[kind] - first[kind] for kind in common), int(reason)
        if TOTAL in values:
            gap, reason = _bridged(sum(first.values()) - values[TOTAL], 0, len(first), behind=False)
            return self.phases_joined - gap, reason
        if TOTAL in first:
            gap, reason = _bridged(first[TOTAL] - sum(values.values()), 0, len(values), behind=False)
            return self.total_joined - gap, reason
        return 0.0, int(Reason.NOT_BRIDGED)

    def _history(self, values: Values) -> "Place":
        """Readings that are told again lie between those that are known."""
        known = dict(self.counters)
        for kind, wh in values.items():
            counter = known.get(kind)
            if counter is not None and not counter.first - ROUNDING_WH <= wh <= counter.last + ROUNDING_WH:
                return self._replace(reasons=self.reasons | Reason.HISTORY)
        return self

    def _has_left_zero(self, kind: int) -> bool:
        return any(known == kind and counter.last > 0 for known, counter in self.counters)

    def counter(self, kind: int) -> Counter:
        """The register of this kind."""
        return dict(self.counters)[kind]

    def _phases(self) -> list[Counter]:
        return [counter for kind, counter in self.counters if kind != TOTAL]

    def total_energy(self) -> float:
        """The energy so far by the total."""
        return round(self.total_joined + self.counter(TOTAL).gained, 3)

    def phases_energy(self) -> float:
        """The energy so far by the phases."""
        return round(self.phases_joined + sum(counter.gained for counter in self._phases()), 3)

    def phases_sum(self) -> float:
        """What the phases show together."""
        return sum(counter.last for counter in self._phases())

    def rounds(self) -> int:
        """How often phases were told."""
        return max((counter.reads for counter in self._phases()), default=0)

    def is_behind(self) -> bool:
        """Whether a phase was not told any more."""
        return any(counter.reads < self.rounds() for counter in self._phases())

    def _disagrees(self, reasons: int) -> bool:
        phases = self._phases()
        if reasons & ~_NET or self.told != TOLD_TOTAL | TOLD_PHASES or len(phases) != PHASES:
            return False
        total = self.total_energy()
        return not self.phases_reasons_now() & ~_NET and differ(abs(total - self.phases_energy()), total)


_COUNTERS, _AT, _TOLD, _LINKED, _ENDED, _COVERS_END = map(
    Place._fields.index, ("counters", "at", "told", "linked", "ended", "covers_end")
)


def differ(apart: float, wh: float) -> bool:
    """Whether two energies are not the same, one of which is `wh`, that are so far apart."""
    return apart > max(_DISAGREE_WH, _DISAGREE * abs(wh))


def _keep_in_step(before: Mapping[int, Counter], after: dict[int, Counter], values: Values) -> None:
    """A phase that was told counts as told as often as any other."""
    told = [kind for kind in values if kind != TOTAL]
    known = [counter.reads for kind, counter in before.items() if kind != TOTAL]
    rounds = max((*known, *(after[kind].reads for kind in told)), default=1)
    for kind in told:
        if after[kind].reads < rounds:
            after[kind] = after[kind]._replace(reads=rounds)


def _reasons_of(counter: Counter) -> int:
    """What is doubtful about a register, its first reading included."""
    return int(counter.reasons | (Reason.ZERO_START if counter.from_zero_unsure() else 0))


def _bridged(gap: float, seconds: float, phases: int, *, behind: bool) -> tuple[float, int]:
    """What was gained between total and phases, or phases and total, and what is doubtful about it."""
    if gap < -PHASES * ROUNDING_WH or is_impossible(gap, seconds):
        return 0.0, int(Reason.NOT_BRIDGED)
    return gap, int(Reason.BRIDGED if phases == PHASES and not behind else Reason.BRIDGED_PARTLY)
