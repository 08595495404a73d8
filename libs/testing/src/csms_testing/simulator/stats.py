"""Counters over all messages of one or many stations: cheap enough for every message of ten thousand stations."""

import math
import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

from csms_testing.simulator.frames import Frame

Direction = Literal["sent", "received"]

_BUCKETS_PER_DECADE = 20
_SMALLEST_S = 1e-4


class FrameObserver(Protocol):
    """Called for every frame; must not block and must not raise."""

    def __call__(self, station_id: str, direction: Direction, frame: Frame) -> None:
        """See one frame of one station."""


@dataclass(slots=True)
class Stats:
    """What went over the wire. Times are in seconds."""

    sent: int = 0
    received: int = 0
    answers: int = 0
    """Answers to the stations' CALLs, CALLERRORs included."""
    errors: int = 0
    """CALLERRORs received."""
    timeouts: int = 0
    connections: int = 0
    """Handshakes that succeeded."""
    refusals: int = 0
    """Handshakes that failed."""
    losses: int = 0
    """Connections that ended without the station wanting it."""
    answer_time_sum: float = 0.0
    answer_time_max: float = 0.0
    started_at: float = field(default_factory=time.monotonic)
    actions: dict[str, int] = field(default_factory=dict)
    """CALLs sent, by action."""
    _histogram: dict[int, int] = field(default_factory=dict)

    def answered(self, seconds: float) -> None:
        """Count one answer that took `seconds`."""
        self.answers += 1
        self.answer_time_sum += seconds
        self.answer_time_max = max(self.answer_time_max, seconds)
        bucket = math.ceil(math.log10(max(seconds, _SMALLEST_S) / _SMALLEST_S) * _BUCKETS_PER_DECADE)
        self._histogram[bucket] = self._histogram.get(bucket, 0) + 1

    @property
    def messages(self) -> int:
        """All frames, both ways."""
        return self.sent + self.received

    @property
    def messages_per_second(self) -> float:
        """All frames, both ways, since the counters were made."""
        return self.messages / max(time.monotonic() - self.started_at, 1e-9)

    @property
    def mean_answer_time(self) -> float:
        """Mean time from a CALL to its answer; 0 without answers."""
        return self.answer_time_sum / self.answers if self.answers else 0.0

    def percentile(self, fraction: float) -> float:
        """The answer time that `fraction` (0..1) of all answers kept, at most 13 % too high; 0 without answers."""
        wanted = math.ceil(fraction * self.answers)
        seen = 0
        for bucket in sorted(self._histogram):
            seen += self._histogram[bucket]
            if seen >= wanted:
                return min(_SMALLEST_S * 10 ** (bucket / _BUCKETS_PER_DECADE), self.answer_time_max)
        return 0.0
