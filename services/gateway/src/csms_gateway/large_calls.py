"""Lets large CALLs take turns. A service has few bytes of them at a time, so that small CALLs come in between."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from csms_runtime import metrics

LARGE_BYTES = 32 * 1024
"""A CALL of this size or more waits for its turn."""
BYTES_AT_ONCE = 1024 * 1024
"""Bytes of large CALLs that a service has at a time: about half a second of work. One larger CALL may come alone."""
BYTES_WAITING = 64 * 1024 * 1024
"""Bytes of large CALLs that wait at most. Others are refused."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    size: int
    begin: Callable[[], None]


class LargeCalls:
    """The large CALLs of all stations to one service, in order. A station has one CALL in work at a time."""

    def __init__(self) -> None:
        self._working: dict[str, int] = {}
        """Sizes by correlation id."""
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._beginning = False

    def ask(self, correlation_id: str, size: int, begin: Callable[[], None]) -> bool:
        """Call `begin` when it is this CALL's turn, now or later. Returns False, and never calls it, if too much waits.

        The caller must call `end` when the CALL is over, also when it waits no more.
        """
        if sum(waiting.size for waiting in self._waiting.values()) + size > BYTES_WAITING:
            return False
        self._waiting[correlation_id] = _Waiting(size, begin)
        metrics.GATEWAY_LARGE_CALLS_WAITING.inc()
        self._go_on()
        return True

    def end(self, correlation_id: str) -> None:
        """Note that a CALL is over, or waits no more. An id that is not known changes nothing."""
        if self._waiting.pop(correlation_id, None) is not None:
            metrics.GATEWAY_LARGE_CALLS_WAITING.dec()
        elif self._working.pop(correlation_id, None) is not None:
            self._go_on()

    def _go_on(self) -> None:
        if self._beginning:  # a CALL may end as it begins; many of them would make calls within calls
            return
        self._beginning = True
        try:
            self._begin_those_that_fit()
        finally:
            self._beginning = False

    def _begin_those_that_fit(self) -> None:
        while self._waiting:
            correlation_id, first = next(iter(self._waiting.items()))
            if self._working and sum(self._working.values()) + first.size > BYTES_AT_ONCE:
                return
            del self._waiting[correlation_id]
            metrics.GATEWAY_LARGE_CALLS_WAITING.dec()
            self._working[correlation_id] = first.size
            first.begin()
