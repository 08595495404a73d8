"""How far a command for many stations is; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum

BATCH = 200
"""Stations that are commanded at a time, in one transaction and one publish."""
_BURST_S = 0.25
"""What was not sent is made up for, but no more than this."""


class BulkState(StrEnum):
    """What a job is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class TargetStatus(StrEnum):
    """Where the command stands at a station: an outcome as of calls, or one of these."""

    WAITING = "waiting"
    OPEN = "open"
    """The call is recorded, and may have been sent."""
    DEFERRED = "deferred"
    """The call waits for the station to come back."""
    RESULT = "result"
    ERROR = "error"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"
    NOT_CONNECTED = "not_connected"
    REFUSED = "refused"
    """Never sent: the payload does not fit the station's version, or the station must not get it, or is not known."""
    CANCELLED = "cancelled"
    """Never sent: the job was cancelled before."""


UNFINISHED = (TargetStatus.WAITING, TargetStatus.DEFERRED, TargetStatus.OPEN)
FINAL = tuple(status for status in TargetStatus if status not in UNFINISHED)


def counted(counts: Mapping[str, int], left: Iterable[str], entered: Iterable[str]) -> dict[str, int]:
    """Return how many stations stand where, after some left a status and entered another one."""
    found = Counter(counts)
    found.update(entered)
    found.subtract(left)
    return {str(status): number for status, number in found.items() if number and status != TargetStatus.WAITING}


def with_waiting(counts: Mapping[str, int], total: int) -> dict[str, int]:
    """Return the number of stations for every status."""
    waiting = total - sum(counts.values())
    return {
        status.value: waiting if status is TargetStatus.WAITING else counts.get(status, 0) for status in TargetStatus
    }


class Rate:
    """So many a second; `now` is in seconds, of a clock that only grows."""

    def __init__(self, per_s: float, now: float) -> None:
        self._per_s = per_s
        self._allowed = 1.0
        self._at = now

    def ready(self, now: float) -> int:
        """Return how many may be sent now, at most a batch."""
        most = max(1.0, min(float(BATCH), self._per_s * _BURST_S))
        self._allowed = min(most, self._allowed + self._per_s * (now - self._at))
        self._at = now
        return int(self._allowed)

    def take(self, count: int) -> None:
        """Note that so many were sent."""
        self._allowed -= count

    @property
    def wait_s(self) -> float:
        """How long until the next one may be sent, in seconds; 0: one may be sent."""
        return max(0.0, (1 - self._allowed) / self._per_s)
