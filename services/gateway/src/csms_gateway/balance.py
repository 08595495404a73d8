"""Decides how many stations a gateway sends away, so that all gateways have about as many. Pure: no I/O, no clock."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_CHANCE = 4.0
"""Where each station chooses a gateway by chance, their numbers differ by about the square root of the mean. So many
times that is no reason to move anybody."""
_MOVING = 0.1
"""When the number of all stations changes by more than this share between two looks, the fleet is coming or going."""
_FRUITFUL = 0.1
"""At least this share of those that were sent away must be seen to come to gateways that had too few."""
_MOST_DOUBLINGS = 6


@dataclass(frozen=True, slots=True)
class Load:
    """What another gateway that lives says of itself."""

    slot: int
    epoch: int
    connections: int
    draining: bool = False


@dataclass(frozen=True, slots=True)
class BalanceRules:
    """How much is done at once, and when nothing is done."""

    share: float
    """The largest share of its stations that a gateway sends away at once, above 0."""
    band: float
    """A gateway that has this share more than the mean, or less, sends nobody away."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """Stations that were sent away, and what was to come of it."""

    count: int
    below: Mapping[tuple[int, int], int]
    """The gateways that had too few then, and how many."""


class Balance:
    """What one gateway knows from look to look. Looks are about as long apart as stations take to come back.

    Nobody is sent away while the gateways or the number of all stations change, or one drains. When those that were
    sent away do not come to gateways with too few (a load balancer binds them to this gateway, or nobody reaches the
    others), the next are sent away later and later: after 1, 2, 4, ... 64 looks.
    """

    def __init__(self, rules: BalanceRules) -> None:
        self._rules = rules
        self._seen: Mapping[tuple[int, int], int] | None = None
        self._total = 0
        self._trial: _Trial | None = None
        self._doublings = 0
        self._waits = 0

    def look(self, mine: int, others: Collection[Load]) -> int:
        """Return how many stations to send away until the next look. `sent` takes how many it will be.

        Args:
            mine: Number of this gateway's connections.
            others: The other gateways that live.
        """
        seen = {(load.slot, load.epoch): load.connections for load in others}
        total = mine + sum(seen.values())
        settled = self._is_settled(seen, total) and not any(load.draining for load in others)
        self._seen, self._total = seen, total
        if not (settled and others):
            return 0
        self._judge(seen)
        if self._waits:
            self._waits -= 1
            return 0
        return surplus(mine, self._mean, self._rules)

    def sent(self, count: int) -> None:
        """Learn how many stations were found that may be sent away, after a look that asked for some."""
        if not count or self._seen is None:
            return
        mean = self._mean
        self._trial = _Trial(count, {gateway: found for gateway, found in self._seen.items() if found < mean})
        self._waits = 2**self._doublings - 1
        self._doublings = min(self._doublings + 1, _MOST_DOUBLINGS)

    @property
    def _mean(self) -> float:
        return self._total / (len(self._seen or ()) + 1)

    def _is_settled(self, seen: Mapping[tuple[int, int], int], total: int) -> bool:
        if self._seen is None or seen.keys() != self._seen.keys():
            return False
        return abs(total - self._total) <= max(_MOVING * total, _CHANCE * math.sqrt(total))

    def _judge(self, seen: Mapping[tuple[int, int], int]) -> None:
        if self._trial is None:
            return
        came = sum(max(0, seen.get(gateway, 0) - before) for gateway, before in self._trial.below.items())
        if came >= max(1.0, _FRUITFUL * self._trial.count):
            self._trial = None
            self._doublings = self._waits = 0


def surplus(mine: int, mean: float, rules: BalanceRules) -> int:
    """Return how many of its stations a gateway is to send away now: never so many that it falls below the mean."""
    band = max(rules.band * mean, _CHANCE * math.sqrt(mean))
    if mine <= mean + band:
        return 0
    return min(mine - math.ceil(mean), max(1, int(mine * rules.share)))
