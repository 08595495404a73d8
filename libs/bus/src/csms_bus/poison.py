"""Remembers whose records fail, and decides whether that is bad data of a station or a bad deploy."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from csms_bus.flow import TooManyDeadLetters
from csms_bus.ports import Incoming, TopicPartition

SUSPECT_S = 60.0
"""Seconds after a dead letter in which the records of its key are handled apart from others."""
_FEW_ATTEMPTS = 2
_ANYWHERE = 10
"""So many times as many stations of all partitions together mean a bad deploy, too: with many partitions, each has few
stations."""


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """When to give up."""

    attempts: int
    """How often a record is tried on its own before it becomes a dead letter, at least 1."""
    stations_in_a_row: int
    """The consumer stops when records of so many stations of a partition failed and none succeeded, or of ten times as
    many of all partitions. At least 1."""
    pause_s: float
    """Seconds before a record is tried again. Doubles each time. Records of a suspect are tried again at once."""


class Poison:
    """Remembers the keys whose records failed.

    Any amount of poison of one station is bad data. From its first dead letter on, it costs others neither pauses nor
    their batches. Poison of many stations of a partition is a bad deploy.
    """

    def __init__(self, group: str, limits: RetryLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._group = group
        self._limits = limits
        self._clock = clock
        self._failing: dict[TopicPartition, set[str]] = {}
        """By partition: the keys whose records failed since the last record that succeeded there."""
        self._suspects: dict[str, float] = {}
        """By key: until when it is a suspect. The oldest is first."""

    def is_suspect(self, incoming: Incoming) -> bool:
        """Whether a record of this key became a dead letter lately."""
        return bool(self._suspects) and self._suspects.get(incoming.key, 0.0) > self._clock()

    def tries(self, incoming: Incoming) -> tuple[int, float]:
        """Return how often a record is tried on its own, and the first pause between two tries, in seconds."""
        if self.is_suspect(incoming):
            return min(_FEW_ATTEMPTS, self._limits.attempts), 0.0
        return self._limits.attempts, self._limits.pause_s

    def failed(self, incoming: Incoming, reason: str) -> None:
        """Note that a record is given up. Raises TooManyDeadLetters."""
        self._suspect(incoming.key)
        stations = self._failing.setdefault(partition_of(incoming), set())
        stations.add(incoming.key)
        where = f"of {incoming.topic} {incoming.partition}"
        failing = len(stations)
        if failing < self._limits.stations_in_a_row:
            where, failing = "of any partitions", sum(map(len, self._failing.values()))
            if failing < self._limits.stations_in_a_row * _ANYWHERE:
                return
        raise TooManyDeadLetters(
            f"{self._group}: records of {failing} stations {where} failed, and none succeeded there; "
            f"the last one: {reason}"
        )

    def succeeded(self, records: Iterable[Incoming]) -> None:
        """Note that these records were handled."""
        if self._failing:
            for name in set(map(partition_of, records)):
                self._failing.pop(name, None)

    def _suspect(self, key: str) -> None:
        now = self._clock()
        self._suspects.pop(key, None)
        self._suspects[key] = now + SUSPECT_S
        for old in [old for old, until in self._suspects.items() if until <= now]:
            del self._suspects[old]


def partition_of(incoming: Incoming) -> TopicPartition:
    """Return where a record was read."""
    return TopicPartition(incoming.topic, incoming.partition)
