"""Counts the stations that send too much, for the metrics."""

import time
from collections import OrderedDict
from collections.abc import Callable

from csms_runtime import metrics

_RECENT_S = 60.0


class Flooding:
    """The stations that were paused in the last minute. As many are kept as there were. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()
        metrics.GATEWAY_FLOODING_STATIONS.set_function(self.count)

    def seen(self, station_id: str) -> None:
        """Note that a station was paused."""
        self._seen[station_id] = self._clock()
        self._seen.move_to_end(station_id)
        self._forget()

    def count(self) -> int:
        """Return how many there were in the last minute."""
        self._forget()
        return len(self._seen)

    def _forget(self) -> None:
        before = self._clock() - _RECENT_S
        while self._seen and next(iter(self._seen.values())) <= before:
            self._seen.popitem(last=False)
