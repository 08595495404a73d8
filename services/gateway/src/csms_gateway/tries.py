"""Slows down whoever tries passwords, without locking the right station out for long. Pure.

Passwords are too long to be guessed (A00.FR.206); what is to be kept away is the load. Each gateway counts for itself.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

LONGEST_WAIT_S = 30.0
"""How long one address must wait at most before it may try again for one station."""
LONGEST_DELAY_S = 3.0
"""How much later a refusal is answered at most."""
_FORGIVEN_AFTER_S = 10.0
"""One wrong password is forgotten in so long."""
_MOST_COUNTED = 10_000
"""Names that are counted at most, of each kind; those that failed longest ago give way."""
_FREE_OF_STATION = 20
_FREE_OF_ADDRESS = 100
"""Wrong passwords that cost nothing: many stations may share an address."""
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

    def failed_at(self, name: str) -> float:
        return self._counts[name].failed_at

    def add(self, name: str, now: float) -> float:
        failures = self.get(name, now) + 1
        self._counts[name] = _Count(failures, now)
        self._counts.move_to_end(name)
        if len(self._counts) > _MOST_COUNTED:
            self._counts.popitem(last=False)
        return failures

    def forget(self, name: str) -> None:
        self._counts.pop(name, None)


class Tries:
    """Wrong passwords: by address and station together, by station, and by address.

    An address that keeps trying one station must wait between its tries, longer and longer. Beyond that, refusals of a
    station that many addresses try, and of an address that tries many stations, come later, but the right password is
    let in at once: else an attacker, or a neighbour with a wrong password, could keep a station out.
    """

    def __init__(self, free: int) -> None:
        """`free`: wrong passwords after which an address must wait; 0: it need never."""
        self._free = free
        self._pairs, self._stations, self._addresses = _Counts(), _Counts(), _Counts()

    def wait_s(self, station_id: str, address: str, now: float) -> float:
        """For how many seconds this address may not try this station; 0: it may try now. `now` in seconds."""
        pair = _pair(station_id, address)
        beyond = self._pairs.get(pair, now) - self._free
        if self._free == 0 or beyond <= 0:
            return 0.0
        wait_s = min(math.pow(2, min(beyond, 10)), LONGEST_WAIT_S)
        return max(0.0, self._pairs.failed_at(pair) + wait_s - now)

    def failed(self, station_id: str, address: str, now: float) -> float:
        """Count a wrong password; returns how many seconds later to answer it."""
        if self._free == 0:
            return 0.0
        self._pairs.add(_pair(station_id, address), now)
        beyond = max(
            self._stations.add(station_id, now) - _FREE_OF_STATION,
            self._addresses.add(_subscriber(address), now) - _FREE_OF_ADDRESS,
        )
        return min(LONGEST_DELAY_S, max(0.0, beyond * _DELAY_STEP_S))

    def succeeded(self, station_id: str, address: str) -> None:
        """Forget what was counted for a station at this address: it knows the password."""
        self._pairs.forget(_pair(station_id, address))


def _pair(station_id: str, address: str) -> str:
    return f"{_subscriber(address)} {station_id}"


def _subscriber(address: str) -> str:
    """The address, or of an IPv6 address the network that one subscriber has to himself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
