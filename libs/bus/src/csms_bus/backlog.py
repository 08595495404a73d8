"""How far behind a consumer is: gauges that move on while it hangs, for they are worked out when they are asked for."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from csms_runtime import metrics
from csms_runtime.clock import now_ms

from csms_bus.ports import Incoming


class _InHand(NamedTuple):
    """A batch that was polled and is not done."""

    records: int
    oldest_ms: int
    """When the oldest of its records was produced, as Unix time."""


class Backlog:
    """What one member of a group was given, or knows to wait, and has not handled. `clock_ms` is the wall clock."""

    def __init__(self, group: str, clock_ms: Callable[[], int] = now_ms) -> None:
        self._group = group
        self._clock_ms = clock_ms
        self._in_hand: list[_InHand] = []
        self._postponed_ms: int | None = None
        """When the oldest record was produced of what was given back, and has not come again yet."""
        self._behind = 0
        """Records that were not polled, when they were last counted;"""
        self._behind_ms: int | None = None
        """and since when there have been some, while nothing was polled."""
        self._polled = False

    def begin(self) -> None:
        """Tell the metrics from now on."""
        metrics.CONSUMER_OLDEST_AGE_SECONDS.labels(self._group).set_function(self.age_s)
        metrics.CONSUMER_LAG.labels(self._group).set_function(self.lag)

    def end(self) -> None:
        """Tell the metrics no more."""
        metrics.CONSUMER_OLDEST_AGE_SECONDS.remove(self._group)
        metrics.CONSUMER_LAG.remove(self._group)

    def taken(self, batch: Sequence[Incoming]) -> None:
        """Learn of a batch, which is not empty, when its handling begins."""
        now = self._clock_ms()
        produced = (incoming.record.produced_at_ms for incoming in batch if incoming.record is not None)
        oldest = min(produced, default=now)
        metrics.CONSUMER_BATCH_RECORDS.labels(self._group).observe(len(batch))
        metrics.CONSUMER_RECORD_AGE_SECONDS.labels(self._group).observe(max(0, now - oldest) / 1000)
        self._in_hand.append(_InHand(len(batch), oldest))
        self._postponed_ms = self._behind_ms = None
        self._polled = True

    def left(self, batches: int) -> None:
        """Learn that only so many of the batches, the newest ones, are not done yet."""
        del self._in_hand[: len(self._in_hand) - batches]

    def postponed(self) -> None:
        """Learn that all batches were given back: what is not done of them comes again."""
        self._postponed_ms = min((batch.oldest_ms for batch in self._in_hand), default=self._postponed_ms)
        self._in_hand.clear()

    def revoked(self) -> None:
        """Learn that partitions were taken away: what was given back may come to somebody else."""
        self._postponed_ms = None

    def counted(self, behind: int) -> None:
        """Learn how many records wait that were not polled. Call it every few seconds."""
        self._behind = behind
        if behind == 0 or self._polled:
            self._behind_ms = None
        elif self._behind_ms is None:
            self._behind_ms = self._clock_ms()
        self._polled = False

    def age_s(self) -> float:
        """Return the age of the oldest record that is not handled, in seconds; 0: there is none.

        Of what was never polled nobody knows when it was produced: then it is the time that it was seen to wait.
        """
        known = (*(batch.oldest_ms for batch in self._in_hand), self._postponed_ms, self._behind_ms)
        oldest = min((moment for moment in known if moment is not None), default=None)
        return 0.0 if oldest is None else max(0, self._clock_ms() - oldest) / 1000

    def lag(self) -> int:
        """Return how many records are not handled yet."""
        return self._behind + sum(batch.records for batch in self._in_hand)
