"""What a station's work costs, in small messages, and how much of it one may cause."""

PRICE_OF_READ = 0.1
PRICE_OF_FRAME = 0.5
"""Control frames and fragments cost as much as others, also empty ones."""
PRICE_OF_BYTE = 1 / 16384
"""On the wire."""
PRICE_OF_REFUSAL = 1.0
"""What is refused is logged and told."""


def price_of(message: bytes) -> float:
    """Return what a message costs to handle. `message` is what was inflated, not parsed yet."""
    return PRICE_OF_FRAME + len(message) / 4096 + message.count(b",") / 100


class TokenBucket:
    """Allows `rate` units of work per second on average and `burst` at once; a small message is one unit.

    Time is given by the caller, in seconds of any monotonic clock.
    """

    __slots__ = ("_burst", "_rate", "_seen", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._seen = now

    def take(self, now: float, price: float = 1.0) -> float:
        """Pay for work; returns how many seconds to wait before the next is taken on (0.0: none).

        The price is taken even when there is not enough: the work came already, so it costs a longer pause.
        """
        tokens = min(self._tokens + (now - self._seen) * self._rate, self._burst) - price
        self._tokens = tokens
        self._seen = now
        return 0.0 if tokens >= 0 else -tokens / self._rate

    def is_full(self, now: float) -> bool:
        """Whether nothing is owed any more: a new bucket would be the same."""
        return self._tokens + (now - self._seen) * self._rate >= self._burst
