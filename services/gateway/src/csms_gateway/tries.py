"""Slows down clients that try passwords, without locking the right station out for long. Pure.

Passwords are too long to be guessed (A00.FR.206): this keeps the load away. Each gateway counts for itself.
"""

import hmac
import math
from collections import OrderedDict
from dataclasses import dataclass

from csms_runtime.addresses import subscriber

LONGEST_WAIT_S = 30.0
"""Seconds that one address is told to wait at most before it tries again for one station."""
LONGEST_DELAY_S = 3.0
"""Seconds by which a refusal is delayed at most."""
_FORGIVEN_AFTER_S = 10.0
"""Seconds after which one wrong password is forgotten."""
_MOST_COUNTED = 10_000
"""Names of each kind that are counted at most. Those that failed longest ago are forgotten first."""
_MOST_RIGHT = 20_000
"""Stations at most whose last right password is remembered, by its digest."""
_FREE_OF_STATION = 20
_FREE_OF_ADDRESS = 100
"""Wrong passwords of one address that cost nothing: many stations may share an address."""
_DELAY_STEP_S = 0.1


@dataclass(slots=True)
class _Count:
    failures: float
    failed_at: float


class _Counts:
    """Failures by name, each forgotten after a while. Bounded."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def get(self, name: str, now: float) -> float:
        count = self._counts.get(name)
        return 0.0 if count is None else max(0.0, count.failures - (now - count.failed_at) / _FORGIVEN_AFTER_S)

    def add(self, name: str, now: float) -> float:
        failures = self.get(name, now) + 1
        self._counts[name] = _Count(failures, now)
        self._counts.move_to_end(name)
        if len(self._counts) > _MOST_COUNTED:
            self._counts.popitem(last=False)
        return failures

    def forget(self, name: str) -> None:
        self._counts.pop(name, None)


@dataclass(frozen=True, slots=True)
class Penalty:
    """What a wrong password costs."""

    delay_s: float
    """Seconds by which the answer is delayed."""
    retry_after_s: float
    """Seconds to wait before the next try, as the answer says (429). 0: it says nothing (401)."""


class Tries:
    """Counts wrong passwords: by address and station together, by station, and by address.

    One station at one address may have only so many tries under way at a time; more are refused without a question to
    auth. Of all other tries auth is asked, however many failed before. Only refusals are delayed and say to wait: an
    attacker, or a neighbour with a wrong password, must not keep a station out that shares its address. For the same
    reason auth is always asked about a password that was right before.
    """

    def __init__(self, free: int) -> None:
        """`free`: wrong passwords that cost nothing, and tries under way at a time. 0: nothing is limited."""
        self._free = free
        self._pairs, self._stations, self._addresses = _Counts(), _Counts(), _Counts()
        self._under_way: dict[str, int] = {}
        self._right: OrderedDict[str, bytes] = OrderedDict()

    def begin(self, station_id: str, address: str, digest: bytes) -> bool:
        """Whether a password may be tried now. If so, call `end` afterwards. `digest`: keyed, of the password."""
        pair = _pair(station_id, address)
        under_way = self._under_way.get(pair, 0)
        if self._free and under_way >= self._free and not self._was_right(station_id, digest):
            return False
        self._under_way[pair] = under_way + 1
        return True

    def end(self, station_id: str, address: str) -> None:
        """Note that a try is over."""
        pair = _pair(station_id, address)
        self._under_way[pair] -= 1
        if not self._under_way[pair]:
            del self._under_way[pair]

    def failed(self, station_id: str, address: str, digest: bytes, now: float) -> Penalty:
        """Count a wrong password. `now` is in seconds of any monotonic clock."""
        if self._free == 0:
            return Penalty(0.0, 0.0)
        if self._was_right(station_id, digest):
            del self._right[station_id]
        of_pair = self._pairs.add(_pair(station_id, address), now) - self._free
        beyond = max(
            of_pair,
            self._stations.add(station_id, now) - _FREE_OF_STATION,
            self._addresses.add(subscriber(address), now) - _FREE_OF_ADDRESS,
        )
        retry_after_s = min(math.pow(2, min(of_pair, 10)), LONGEST_WAIT_S) if of_pair > 0 else 0.0
        return Penalty(min(LONGEST_DELAY_S, max(0.0, beyond * _DELAY_STEP_S)), retry_after_s)

    def succeeded(self, station_id: str, address: str, digest: bytes) -> None:
        """Forget what was counted for this station at this address: it knows the password."""
        self._pairs.forget(_pair(station_id, address))
        self._right[station_id] = digest
        self._right.move_to_end(station_id)
        if len(self._right) > _MOST_RIGHT:
            self._right.popitem(last=False)

    def _was_right(self, station_id: str, digest: bytes) -> bool:
        return hmac.compare_digest(self._right.get(station_id, b""), digest)


def _pair(station_id: str, address: str) -> str:
    return f"{subscriber(address)} {station_id}"
