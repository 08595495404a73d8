"""A register at one location in the course of a transaction: its total and its phases, which are one register.

Total and phases are counted beside each other; what is told later than the other joins at the energy counted so far.
Whichever was told last gives the energy. See docs/energy.md.
"""

from collections.abc import Mapping
from typing import NamedTuple

from csms_transactions.domain.counter import ROUNDING_WH, Counter, is_impossible
from csms_transactions.domain.doubts import Doubt
from csms_transactions.domain.readings import EXACT, SLACK_S, TOTAL, TRANSACTION_BEGIN, TRANSACTION_END

PHASES = 3
TOLD_TOTAL, TOLD_PHASES = 1, 2
_SMALL_WH = 10_000.0
_DISAGREE_WH, _DISAGREE = 20.0, 0.02
Values = Mapping[int, float]
"""Wh by kind: TOTAL or the number of a phase."""


class Moment(NamedTuple):
    """When and how something was read."""

    at: float
    """Seconds since 1970."""
    context: str
    told_at: float
    """The time of the message it came in."""
    starts: bool = False
    """It came with the event that starts the transaction."""
    ends: bool = False
    """It came with the event that ends it."""
    offline: bool = False
    """The station was offline."""
    ambiguous: bool = False
    """A register was told twice, with different values."""

    @property
    def is_end(self) -> bool:
        """Whether it was read when the transaction ended."""
        return self.context == TRANSACTION_END or (self.ends and abs(self.at - self.told_at) <= SLACK_S)

    def is_before(self, at: float) -> bool:
        """Whether it was read before `at`, the time of a reading that is known already.

        A message cannot tell what comes after it: where it seems so, a clock was set back in between, and what was read
        by the clock of before comes first.
        """
        told_at = self.told_at + SLACK_S
        if self.at > told_at:
            return at <= told_at or self.at < at
        return self.at < at <= told_at


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
    covers_end: bool = False
    skipped: float = 0.0
    """Wh of intervals that were told again."""
    doubts: int = 0
    total_doubts: int = 0
    phases_doubts: int = 0

    def take(self, moment: Moment, values: Values) -> "Place":
        """The place after one more reading; `values` is not empty."""
        if self.ended and moment.context != TRANSACTION_END:
            return self
        if self.counters:
            if moment.context == TRANSACTION_BEGIN or moment.at < self.first_at <= moment.told_at:
                return self._earlier(moment, values)
            if moment.context not in EXACT and moment.is_before(self.at):
                return self._history(values)
            if moment.context == TRANSACTION_END:
                values = {kind: wh for kind, wh in values.items() if wh or not self._has_left_zero(kind)}
        return self._apply(moment, values) if values else self

    def counted(self) -> float:
        """The energy so far, by whatever was told last; 0: the first reading."""
        return self.total_energy() if self.by_total else self.phases_energy()

    @property
    def by_total(self) -> bool:
        """Whether the total says it, not the phases."""
        return self.counters[0][0] == TOTAL and (bool(self.told & TOLD_TOTAL) or len(self.counters) == 1)

    def told_counters(self) -> list[Counter]:
        """Those registers that say it."""
        return [counter for kind, counter in self.counters if (kind == TOTAL) is self.by_total]

    def all_doubts(self) -> int:
        """What is doubtful about the energy so far."""
        doubts = self.doubts | (self.total_doubts if self.by_total else self.phases_doubts)
        for counter in self.told_counters():
            doubts |= counter.doubts
        if not self.by_total and self.is_behind():
            doubts |= Doubt.PHASES_MISSING
        return int(doubts | Doubt.DISAGREE) if self._disagrees(doubts) else int(doubts)

    def _apply(self, moment: Moment, values: Values) -> "Place":
        if len(self.counters) == len(values) == 1 and TOTAL in values and self.counters[0][0] == TOTAL:
            counters = ((TOTAL, self.counters[0][1].read(values[TOTAL], moment.at)),)
            return self.taken(moment, counters, TOLD_TOTAL, linked=True)
        before = dict(self.counters)
        after = {**before, **{kind: _read(before.get(kind), wh, moment) for kind, wh in values.items()}}
        _keep_in_step(before, after, values)
        told = (TOLD_TOTAL if TOTAL in values else 0) | (TOLD_PHASES if any(values) else 0)
        taken = self.taken(moment, tuple(sorted(after.items())), told, linked=any(kind in before for kind in values))
        return taken.joined(self, values, moment) if len(after) > len(before) and before else taken

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
            doubts=self.doubts | Doubt.TWO_VALUES if moment.ambiguous else self.doubts,
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
        return self._replace(phases_doubts=self.phases_doubts | Doubt.PHASES_JOINED) if together else self

    def _total_joins(self, before: "Place", moment: Moment, *, with_phases: bool) -> "Place":
        if with_phases:
            return self._replace(total_joined=self.phases_energy(), total_doubts=before.phases_doubts_now())
        gap = self.counter(TOTAL).last - before.phases_sum()
        joined, doubt = _bridged(gap, moment.at - before.at, len(before.counters), behind=before.is_behind())
        doubts = before.phases_doubts_now() | doubt
        return self._replace(
            total_joined=round(before.phases_energy() + joined, 3),
            total_doubts=doubts,
            linked=before.linked or doubt != Doubt.NOT_BRIDGED,
        )

    def _phases_join(self, before: "Place", values: Values, moment: Moment) -> "Place":
        total = before.counter(TOTAL)
        doubts = self.total_doubts | total.doubts
        if TOTAL in values:
            return self._replace(phases_joined=self.total_energy(), phases_doubts=doubts | self.counter(TOTAL).doubts)
        joined, doubt = _bridged(sum(values.values()) - total.last, moment.at - before.at, len(values), behind=False)
        return self._replace(
            phases_joined=round(before.total_energy() + joined, 3),
            phases_doubts=doubts | doubt,
            linked=before.linked or doubt != Doubt.NOT_BRIDGED,
        )

    def phases_doubts_now(self) -> int:
        """What is doubtful about the phases so far."""
        doubts = self.phases_doubts
        for counter in self._phases():
            doubts |= counter.doubts
        return doubts | Doubt.PHASES_MISSING if self.is_behind() else doubts

    def _earlier(self, moment: Moment, values: Values) -> "Place":
        """A reading from before the first one, told after it; only one of them is the begin."""
        is_begin = moment.context == TRANSACTION_BEGIN
        new = {kind: wh for kind, wh in values.items() if kind not in dict(self.counters)}
        if self.begun:
            return self._apply(moment, new) if new and is_begin else self
        begin, doubt = self._energy_at(values)
        at_zero = not any(values.values()) and -begin > _SMALL_WH and moment.offline
        if doubt == Doubt.NOT_BRIDGED or at_zero or is_impossible(-begin, self.first_at - moment.at):
            return self._replace(doubts=self.doubts | Doubt.PLACEHOLDER)
        return self._replace(
            begin=round(begin, 3),
            first_at=min(moment.at, self.first_at),
            linked=True,
            begun=is_begin,
            covers_start=self.covers_start or is_begin or moment.starts,
            doubts=self.doubts | doubt,
        )

    def _energy_at(self, values: Values) -> tuple[float, int]:
        """The energy, counted from the first readings, at which registers showed these values."""
        first = {kind: counter.first for kind, counter in self.counters}
        common = [kind for kind in values if kind in first and kind != TOTAL]
        if TOTAL in values and TOTAL in first:
            return self.total_joined + values[TOTAL] - first[TOTAL], 0
        if common:
            doubt = 0 if len(common) == len(values) == len(first) else Doubt.PHASES_JOINED
            return self.phases_joined + sum(values[kind] - first[kind] for kind in common), int(doubt)
        if TOTAL in values:
            gap, doubt = _bridged(sum(first.values()) - values[TOTAL], 0, len(first), behind=False)
            return self.phases_joined - gap, doubt
        if TOTAL in first:
            gap, doubt = _bridged(first[TOTAL] - sum(values.values()), 0, len(values), behind=False)
            return self.total_joined - gap, doubt
        return 0.0, int(Doubt.NOT_BRIDGED)

    def _history(self, values: Values) -> "Place":
        """Readings that are told again lie between those that are known."""
        known = dict(self.counters)
        for kind, wh in values.items():
            counter = known.get(kind)
            if counter is not None and not counter.first - ROUNDING_WH <= wh <= counter.last + ROUNDING_WH:
                return self._replace(doubts=self.doubts | Doubt.HISTORY)
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

    def _disagrees(self, doubts: int) -> bool:
        phases = self._phases()
        if doubts or self.told != TOLD_TOTAL | TOLD_PHASES or len(phases) != PHASES or self.phases_doubts_now():
            return False
        total, together = self.total_energy(), self.phases_energy()
        return abs(total - together) > max(_DISAGREE_WH, _DISAGREE * abs(total))


def _read(counter: Counter | None, wh: float, moment: Moment) -> Counter:
    if counter is None:
        return Counter(wh, wh, moment.at, wh, offline=moment.offline)
    return counter.read(wh, moment.at)


def _keep_in_step(before: Mapping[int, Counter], after: dict[int, Counter], values: Values) -> None:
    """A phase that was told counts as told as often as any other."""
    told = [kind for kind in values if kind != TOTAL]
    known = [counter.reads for kind, counter in before.items() if kind != TOTAL]
    rounds = max((*known, *(after[kind].reads for kind in told)), default=1)
    for kind in told:
        if after[kind].reads < rounds:
            after[kind] = after[kind]._replace(reads=rounds)


def _bridged(gap: float, seconds: float, phases: int, *, behind: bool) -> tuple[float, int]:
    """What was gained between total and phases, or phases and total, and what is doubtful about it."""
    if gap < -PHASES * ROUNDING_WH or is_impossible(gap, seconds):
        return 0.0, int(Doubt.NOT_BRIDGED)
    return gap, int(Doubt.BRIDGED if phases == PHASES and not behind else Doubt.BRIDGED_PARTLY)
