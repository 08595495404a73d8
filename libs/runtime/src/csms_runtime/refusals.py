"""Keeps whoever hammers at the door from flooding the event topic, and counts who does not get in."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable


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


class RefusedLately:
    """Counts names (stations, addresses) that were refused lately and not let in since, by the reason told last.

    One that comes again and again counts once. `recent_s`: how long a refusal counts, longer than stations wait between
    two tries. Of more than `most` names the oldest are forgotten. `clock` gives seconds. Not shared between threads.
    """

    def __init__(
        self, *, recent_s: float = 1800.0, most: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._recent_s = recent_s
        self._most = most
        self._clock = clock
        self._refused: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def refused(self, name: str, reason: str) -> None:
        """Note a refusal."""
        self.let_in(name)
        self._refused[name] = self._clock(), reason
        self._counts[reason] += 1
        self._forget()

    def let_in(self, name: str) -> None:
        """Forget a name: it is in."""
        found = self._refused.pop(name, None)
        if found is not None:
            self._counts[found[1]] -= 1

    def count(self, reason: str) -> int:
        """Return how many names there are."""
        self._forget()
        return self._counts[reason]

    def _forget(self) -> None:
        before = self._clock() - self._recent_s
        while self._refused:
            name, (moment, _) = next(iter(self._refused.items()))
            if moment > before and len(self._refused) <= self._most:
                return
            self.let_in(name)
