"""How many calls may be in work in this process at a time: those to one station must not hold up those to others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from csms_runtime.http import Problem
from csms_runtime.http.problems import RETRY_AFTER_S

MOST_OF_STATION = 64
"""About twice what a gateway lets wait for one station."""
MOST_CALLS = 5_000
"""In all: half of the answers that a process waits for at most."""
MOST_BYTES = 64 * 1024 * 1024
"""Of their payloads; a single call may be larger."""


class Room:
    """Counts the calls in work, by station, and the bytes of their payloads. One event loop only."""

    def __init__(self, *, of_station: int = MOST_OF_STATION, calls: int = MOST_CALLS, size: int = MOST_BYTES) -> None:
        self._of_station = of_station
        self._calls = calls
        self._size = size
        self._stations: Counter[str] = Counter()
        self._bytes = 0

    @contextmanager
    def taken(self, station_id: str, size: int) -> Iterator[None]:
        """Have room for a call with a payload of so many bytes. Raises Problem 429, 503: nothing is sent."""
        self._check(station_id, size)
        self._stations[station_id] += 1
        self._bytes += size
        try:
            yield
        finally:
            self._bytes -= size
            self._stations[station_id] -= 1
            if not self._stations[station_id]:
                del self._stations[station_id]

    def _check(self, station_id: str, size: int) -> None:
        if self._stations[station_id] >= self._of_station:
            detail = f"{self._of_station} calls of this station are in work; this one was not sent"
            raise _full(429, "Too many calls of this station", detail)
        if self._stations.total() >= self._calls or (self._bytes and self._bytes + size > self._size):
            raise not_sent("too many calls are in work; this one was not sent")


def not_sent(detail: str) -> Problem:
    """Return the answer to a call that was not sent for want of room."""
    return _full(503, "Too many calls", detail)


def _full(status: int, title: str, detail: str) -> Problem:
    return Problem(status, title, detail, headers={"Retry-After": str(RETRY_AFTER_S)}, sent_at=None)
