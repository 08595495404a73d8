"""What a station's work costs, in small messages, and how much of it one may cause."""

from csms_ocpp.cost import BYTES_PER_VALUE, cost

PRICE_OF_READ = 0.1
PRICE_OF_FRAME = 0.5
"""Control frames and fragments cost as much as others, also empty ones."""
PRICE_OF_BYTE = 1 / 16384
"""On the wire."""
PRICE_OF_REFUSAL = 1.0
"""What is refused is logged and told."""
PRICE_OF_CONNECTION = 20.0
"""A handshake asks auth, and is announced to all services."""


_COST_OF_ONE = 4096
"""What a small message may cost, as `csms_ocpp.cost` counts: up to a tenth of a millisecond."""


_SHORT = 256
"""Bytes; the price of a shorter message is that of the worst of its length: to look closer would cost more."""


def price_of(message: bytes) -> float:
    """Return the price of handling a message, which is inflated but not parsed yet."""
    size = len(message)
    if size < _SHORT:
        return PRICE_OF_FRAME + size * (1 + BYTES_PER_VALUE) / _COST_OF_ONE
    return PRICE_OF_FRAME + cost(message) / _COST_OF_ONE


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

    def owes(self, now: float) -> float:
        """Return in how many seconds the debt is paid; 0.0: there is none."""
        return max(0.0, -(self._tokens + (now - self._seen) * self._rate) / self._rate)

    def is_full(self, now: float) -> bool:
        """Whether nothing is owed any more: a new bucket would be the same."""
        return self._tokens + (now - self._seen) * self._rate >= self._burst


class Buckets:
    """The buckets of the stations: one for all connections of a station, so that coming back pays no debt. Bounded."""

    def __init__(self, rate: float, burst: float, most: int) -> None:
        """`most`: stations whose debt is remembered."""
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def new(self, now: float) -> TokenBucket:
        """Return a full one, of nobody."""
        return TokenBucket(self._rate, self._burst, now)

    def of(self, station_id: str, now: float) -> TokenBucket:
        """Return the station's; a full one, if nothing is known of it."""
        bucket = self._buckets.get(station_id)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._forget(now)
            bucket = self._buckets[station_id] = self.new(now)
        return bucket

    def owes(self, station_id: str, now: float) -> float:
        """Return in how many seconds the station has paid."""
        bucket = self._buckets.get(station_id)
        return 0.0 if bucket is None else bucket.owes(now)

    def left(self, station_id: str, now: float) -> None:
        """Forget a station that has gone, if it owes nothing."""
        bucket = self._buckets.get(station_id)
        if bucket is not None and bucket.is_full(now):
            del self._buckets[station_id]

    def _forget(self, now: float) -> None:
        """Forget those who owe nothing, or else the oldest half."""
        kept = [(name, bucket) for name, bucket in self._buckets.items() if not bucket.is_full(now)]
        self._buckets = dict(kept[len(kept) // 2 :] if len(kept) >= self._most else kept)
