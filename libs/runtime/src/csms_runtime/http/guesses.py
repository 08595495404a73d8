"""Slows down whoever tries keys, without keeping a right one out: many callers may share an address."""

import math
from collections import OrderedDict

from csms_runtime.addresses import subscriber

_FREE = 20
"""Wrong keys of one address that cost nothing."""
_FORGIVEN_AFTER_S = 3.0
"""One wrong key is forgotten in so long."""
_LONGEST_WAIT_S = 60
"""What a caller is told to wait at most."""
_MOST_COUNTED = 10_000
"""Addresses that are counted at most; those that failed longest ago give way."""
_DELAY_STEP_S, _LONGEST_DELAY_S = 0.1, 2.0
"""How much later a refusal is answered, by wrong keys beyond the free ones."""
_MOST_DELAYED = 50
"""Refusals that wait at a time: more are answered at once, so that they take up no connections."""


class Guesses:
    """Wrong keys by address. Bounded memory, constant work; not shared between threads."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._delayed = 0

    def failed(self, address: str, now: float) -> int:
        """Count a wrong key; returns after how many seconds to try again, 0: nothing need be said. `now` in seconds."""
        name = subscriber(address)
        failures, at = self._counts.get(name, (0.0, now))
        failures = max(0.0, failures - (now - at) / _FORGIVEN_AFTER_S) + 1
        self._counts[name] = failures, now
        self._counts.move_to_end(name)
        if len(self._counts) > _MOST_COUNTED:
            self._counts.popitem(last=False)
        beyond = failures - _FREE
        return min(_LONGEST_WAIT_S, math.ceil(beyond * _FORGIVEN_AFTER_S)) if beyond > 0 else 0

    def begin_delay(self, retry_after_s: int) -> float:
        """Return how much later a refusal is to be answered, in seconds; `end_delay` must follow if it is not 0.0."""
        if not retry_after_s or self._delayed >= _MOST_DELAYED:
            return 0.0
        self._delayed += 1
        return min(_LONGEST_DELAY_S, retry_after_s / _FORGIVEN_AFTER_S * _DELAY_STEP_S)

    def end_delay(self) -> None:
        """A refusal is answered."""
        self._delayed -= 1
