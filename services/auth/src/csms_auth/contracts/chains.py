"""What is left of a pool's answer: a station gets one contract at a time, and asks the same again (M01.FR.06, .07)."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from csms_auth.contracts.pool import Wanted

MOST_KEPT = 200
"""Of all stations; the oldest give way, and their vehicles begin anew."""
MOST_OF_STATION = 8
"""Likewise: a station pushes out only its own."""
KEEP = timedelta(minutes=10)


class Contract(NamedTuple):
    """One that a station is given."""

    exi_response: str
    remaining: int
    """How many the vehicle may still get."""


class Chains:
    """Gives the contracts of a vehicle one after the other. In memory: a restart begins with the first one again."""

    def __init__(self) -> None:
        self._left: OrderedDict[tuple[str, Wanted], tuple[Sequence[str], datetime]] = OrderedDict()

    def next(self, station_id: str, wanted: Wanted, now: datetime) -> Contract | None:
        """Return the next one of those that are left; None: the pool is to be asked."""
        self._forget(now)
        left, until = self._left.pop((station_id, wanted), ((), now))
        return self._given(station_id, wanted, left, until) if left else None

    def first(self, station_id: str, wanted: Wanted, found: Sequence[str], now: datetime) -> Contract:
        """Return the first one of a pool's answer, which has at least one, and keep those that the vehicle takes."""
        most = max(1, wanted.most_contracts or 1)
        contract = self._given(station_id, wanted, found[:most], now + KEEP)
        of_station = [key for key in self._left if key[0] == station_id]
        for key in of_station[:-MOST_OF_STATION]:
            del self._left[key]
        while len(self._left) > MOST_KEPT:
            self._left.popitem(last=False)
        return contract

    def _given(self, station_id: str, wanted: Wanted, left: Sequence[str], until: datetime) -> Contract:
        if len(left) > 1:
            self._left[station_id, wanted] = (left[1:], until)
        return Contract(left[0], len(left) - 1)

    def _forget(self, now: datetime) -> None:
        for key in [key for key, (_, until) in self._left.items() if until <= now]:
            del self._left[key]
