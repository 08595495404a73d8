"""A token bucket: how fast one station may send."""


class TokenBucket:
    """Allows `rate` messages per second on average and `burst` at once.

    Time is given by the caller, in seconds of any monotonic clock.
    """

    __slots__ = ("_burst", "_rate", "_seen", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._seen = now

    def take(self, now: float) -> float:
        """Take one token; returns how many seconds to wait before the next message is read (0.0: none).

        The token is taken even when there is none: the message was read already, so its price is a longer pause.
        """
        tokens = self._tokens + (now - self._seen) * self._rate - 1
        most = self._burst - 1
        self._tokens = tokens = min(tokens, most)
        self._seen = now
        return 0.0 if tokens >= 0 else -tokens / self._rate
