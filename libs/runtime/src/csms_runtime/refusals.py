"""Keeps whoever hammers at the door from flooding the event topic."""

from collections import OrderedDict
from collections.abc import Iterable


class RefusalLimiter:
    """Says which refusals are worth an event: one per name and interval, and a ceiling for all together.

    A name is a station's, or an address. The ceiling is for somebody who makes names up. Bounded memory; not shared
    between threads. Asking and remembering are two steps, so that a refusal whose transaction was rolled back is not
    taken for told.
    """

    def __init__(self, *, interval_ms: int = 60_000, most_per_interval: int = 1_000) -> None:
        self._interval_ms = interval_ms
        self._most = most_per_interval
        self._told: OrderedDict[str, int] = OrderedDict()

    def due(self, names: Iterable[str], now_ms: int) -> list[str]:
        """Return those whose refusal should be told now, each once, in order, as far as the ceiling allows."""
        self._forget(now_ms)
        fresh = [name for name in dict.fromkeys(names) if name not in self._told]
        return fresh[: max(0, self._most - len(self._told))]

    def told(self, names: Iterable[str], now_ms: int) -> None:
        """Remember that these refusals were told."""
        for name in names:
            self._told[name] = now_ms
            self._told.move_to_end(name)

    def _forget(self, now_ms: int) -> None:
        while self._told and next(iter(self._told.values())) <= now_ms - self._interval_ms:
            self._told.popitem(last=False)
