"""Says what a station's work costs, in small messages, and limits how much of it a station may cause."""

from csms_ocpp.cost import BYTES_PER_VALUE, cost

PRICE_OF_READ = 0.1
PRICE_OF_FRAME = 0.5
"""Price of any frame: control frames, fragments and empty ones cost as much as others."""
PRICE_OF_BYTE = 1 / 16384
"""Price of a byte on the wire."""
PRICE_OF_REFUSAL = 1.0
"""Price of a refusal: it is logged and reported."""
PRICE_OF_CONNECTION = 20.0
"""Price of a handshake: auth is asked, and the connection is announced to all services."""


_COST_OF_ONE = 4096
"""The cost, as `csms_ocpp.cost` counts it, of one small message: up to a tenth of a millisecond."""


_SHORT = 256
"""Bytes. A shorter message has the price of the worst one of its length: to look into it would cost more."""


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
        """Pay for work. Returns the seconds to wait before the next work (0.0: none).

        The price is taken even when there is not enough: the work is here already. The pause becomes longer then.
        """
        tokens = min(self._tokens + (now - self._seen) * self._rate, self._burst) - price
        self._tokens = tokens
        self._seen = now
        return 0.0 if tokens >= 0 else -tokens / self._rate

    def owes(self, now: float) -> float:
        """Return the seconds until the debt is paid; 0.0 when there is none."""
        return max(0.0, -(self._tokens + (now - self._seen) * self._rate) / self._rate)

    def is_full(self, now: float) -> bool:
        """Whether nothing was spent: a new bucket would be the same."""
        return self._tokens + (now - self._seen) * self._rate >= self._burst


class Buckets:
    """One bucket per station, for all its connections: to connect again pays no debt. Their number is bounded."""

    def __init__(self, rate: float, burst: float, most: int) -> None:
        """`most`: the number of stations whose debt is remembered."""
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def new(self, now: float) -> TokenBucket:
        """Return a full bucket that belongs to no station yet."""
        return TokenBucket(self._rate, self._burst, now)

    def of(self, station_id: str, now: float) -> TokenBucket:
        """Return the station's bucket: a full one if nothing is known of the station."""
        bucket = self._buckets.get(station_id)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._forget(now)
            bucket = self._buckets[station_id] = self.new(now)
        return bucket

    def owes(self, station_id: str, now: float) -> float:
        """Return the seconds until the station has paid; 0.0 when it owes nothing."""
        bucket = self._buckets.get(station_id)
        return 0.0 if bucket is None else bucket.owes(now)

    def left(self, station_id: str, now: float) -> None:
        """Forget a station that has gone, if it owes nothing."""
        bucket = self._buckets.get(station_id)
        if bucket is not None and bucket.is_full(now):
            del self._buckets[station_id]

    def _forget(self, now: float) -> None:
        """Forget the stations that owe nothing. If that is not enough, forget the oldest half."""
        kept = [(name, bucket) for name, bucket in self._buckets.items() if not bucket.is_full(now)]
        self._buckets = dict(kept[len(kept) // 2 :] if len(kept) >= self._most else kept)
