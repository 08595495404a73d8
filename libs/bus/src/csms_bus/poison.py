"""Remembers whose records fail, and decides whether that is bad data of a station or a bad deploy."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import structlog

from csms_bus.flow import TooManyDeadLetters
from csms_bus.ports import Incoming, TopicPartition

_log = structlog.get_logger(__name__)

SUSPECT_S = 60.0
"""Seconds after a dead letter in which the records of its key are handled apart from others."""
DOUBTED_S = 600.0
"""The same after a record in doubt, and how long a key stays convicted: canceled statements take minutes a round."""
FEW_STATIONS = 5
"""When records of so many stations failed and nothing at all succeeded, it is a bad deploy, however small the fleet."""
_FEW_ATTEMPTS = 2
_ANYWHERE = 10
"""So many times as many stations of all partitions together mean a bad deploy, too: with many partitions, each has few
stations."""
_DOUBT = 12
_DOUBT_OF_TOPIC, _DOUBT_OF_ALL = 4, 1
"""A record in doubt is given up in the third batch in which a record of its topic succeeded, or in the twelfth in which
any did."""
_MOST_DOUBTS = 1000
_EVERYTHING = ""
_Scope = TopicPartition | str
"""Where nothing may have succeeded for long: a partition, a topic, or everything the consumer reads."""


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """When to give up."""

    attempts: int
    """How often a record is tried on its own before it becomes a dead letter, at least 1."""
    stations_in_a_row: int
    """The consumer stops when records of so many stations of a partition or of a topic failed and none succeeded there,
    or of ten times as many of all partitions. At least 1."""
    pause_s: float
    """Seconds before a record is tried again. Doubles each time. Records of a suspect are tried again at once."""

    @property
    def stations_of_all(self) -> int:
        """The consumer stops, too, when records of so many stations failed and nothing at all succeeded."""
        return min(FEW_STATIONS, self.stations_in_a_row)


class Poison:
    """Remembers the keys whose records failed.

    Any amount of poison of one station is bad data. From its first dead letter on, it costs others neither pauses nor
    their batches. Poison of many stations is a bad deploy when nothing succeeds beside it: of a few if that is all
    there is, of more in a topic or a partition. What failed in a batch does not count where something of that batch
    succeeded, in whatever order.
    """

    def __init__(self, group: str, limits: RetryLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._group = group
        self._limits = limits
        self._clock = clock
        self._failing: dict[_Scope, set[str]] = {}
        """By scope: the keys whose records failed since the last record that succeeded there."""
        self._well: set[_Scope] = set()
        """Where a record of the batch in hand succeeded."""
        self._doubts: dict[tuple[TopicPartition, int], int] = {}
        """By partition and offset: how much speaks against a record in doubt. At most 1,000, the newest."""
        self._trusts = False
        self._given_up = 0
        """Records that were given up since anything succeeded."""
        self._reason = ""
        self._suspects: dict[str, float] = {}
        """By key: until when it is a suspect."""
        self._convicted: dict[str, float] = {}
        """By key: until when its records are at fault as soon as one of another key of their topic succeeds."""

    @property
    def failing(self) -> int:
        """The number of stations whose records failed since anything succeeded."""
        return len(self._failing.get(_EVERYTHING, ()))

    @property
    def is_watching(self) -> bool:
        """Whether records failed anywhere, so that a success there says something."""
        return bool(self._failing)

    def is_suspect(self, incoming: Incoming) -> bool:
        """Whether a record of this key became a dead letter, or was in doubt, lately."""
        return bool(self._suspects) and self._suspects.get(incoming.key, 0.0) > self._clock()

    def tries(self, incoming: Incoming) -> tuple[int, float]:
        """Return how often a record is tried on its own, and the first pause between two tries, in seconds."""
        if self.is_suspect(incoming):
            return min(_FEW_ATTEMPTS, self._limits.attempts), 0.0
        return self._limits.attempts, self._limits.pause_s

    def next_batch(self) -> None:
        """Note that the records that follow are those of another batch."""
        if not self._trusts:
            self._well.clear()
        self._trusts = False

    def trust_next_batch(self) -> None:
        """Take what succeeded since the batch in hand began as if it were of the next batch."""
        self._trusts = True

    @property
    def is_well(self) -> bool:
        """Whether any record of the batch in hand succeeded."""
        return _EVERYTHING in self._well

    def doubted(self, incoming: Incoming) -> None:
        """Note that a record may be at fault for what it met (`LaterOrNever`): handle its key apart from others."""
        _until(self._suspects, incoming.key, self._clock(), DOUBTED_S)

    def is_at_fault(self, incoming: Incoming) -> bool:
        """Return, for a record in doubt at the end of its batch, whether those of others succeed often enough."""
        record = (partition_of(incoming), incoming.offset)
        doubt = self._doubts.pop(record, 0)
        if incoming.topic in self._well and self._convicted.get(incoming.key, 0.0) > self._clock():
            doubt = _DOUBT
        doubt += _DOUBT_OF_TOPIC if incoming.topic in self._well else _DOUBT_OF_ALL * self.is_well
        if doubt >= _DOUBT:
            _until(self._convicted, incoming.key, self._clock(), DOUBTED_S)
            return True
        self._doubts[record] = doubt
        if len(self._doubts) > _MOST_DOUBTS:
            del self._doubts[next(iter(self._doubts))]
        return False

    def failed(self, incoming: Incoming, reason: str) -> None:
        """Note that a record is given up. Raises TooManyDeadLetters."""
        _until(self._suspects, incoming.key, self._clock(), SUSPECT_S)
        self._reason = reason
        for scope in _scopes(incoming):
            if scope not in self._well:
                self._failing.setdefault(scope, set()).add(incoming.key)
        why = self.too_many()
        if why:
            raise TooManyDeadLetters(why)
        self._tell()

    def too_many(self) -> str:
        """Return why the consumer must stop. Empty: it need not."""
        limits = self._limits
        if self.failing >= limits.stations_of_all:
            return self._text(self.failing, "failed, and nothing succeeded")
        for scope, stations in self._failing.items():
            if scope != _EVERYTHING and len(stations) >= limits.stations_in_a_row:
                where = scope if isinstance(scope, str) else f"{scope.topic} {scope.partition}"
                return self._text(len(stations), f"of {where} failed, and none succeeded there")
        everywhere = sum(len(keys) for scope, keys in self._failing.items() if isinstance(scope, TopicPartition))
        if everywhere >= limits.stations_in_a_row * _ANYWHERE:
            return self._text(everywhere, "of any partitions failed, and none succeeded there")
        return ""

    def hinders(self, incoming: Incoming) -> bool:
        """Whether records failed where this one is from, so that its success would say something."""
        return any(scope in self._failing for scope in _scopes(incoming))

    def succeeded(self, records: Iterable[Incoming]) -> None:
        """Note that these records were handled."""
        for scope in {scope for incoming in records for scope in _scopes(incoming)}:
            self._well.add(scope)
            if self._failing.pop(scope, None) and scope == _EVERYTHING:
                self._given_up = 0

    def _tell(self) -> None:
        """Log it once when nothing succeeds for stations that are too few to say what that means."""
        self._given_up += bool(self.failing)
        if self._given_up == FEW_STATIONS:
            _log.error(
                "nothing succeeds: every record is given up",
                group=self._group,
                stations=sorted(self._failing[_EVERYTHING]),
                reason=self._reason,
            )

    def _text(self, stations: int, what: str) -> str:
        return f"{self._group}: records of {stations} stations {what}; the last one: {self._reason}"

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget what failed in partitions that this consumer reads no more."""
        for name in partitions:
            self._failing.pop(name, None)

    def forget_others(self, partitions: Collection[TopicPartition]) -> None:
        """Forget what failed in partitions and topics other than these."""
        topics = {name.topic for name in partitions} | {_EVERYTHING}
        for scope in [each for each in self._failing if each not in partitions and each not in topics]:
            del self._failing[scope]


def partition_of(incoming: Incoming) -> TopicPartition:
    """Return where a record was read."""
    return TopicPartition(incoming.topic, incoming.partition)


def _until(keys: dict[str, float], key: str, now: float, seconds: float) -> None:
    """Note a key for so long, and longer if it was noted so. Forgets those whose time is over."""
    keys[key] = max(now + seconds, keys.get(key, 0.0))
    for old in [old for old, until in keys.items() if until <= now]:
        del keys[old]


def _scopes(incoming: Incoming) -> tuple[_Scope, ...]:
    return partition_of(incoming), incoming.topic, _EVERYTHING
