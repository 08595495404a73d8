"""The partitions of the in-process bus: what was published goes to the sinks that want it, and is kept nowhere else.

A sink is the queue of one consumer group for one partition (`GroupPartition`), or of one reader. A partition without
sinks keeps nothing, except the newest record per key when its topic is compacted. What waits, waits as bytes.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from csms_bus.delivery import Delivery
from csms_bus.kafka_records import decode
from csms_bus.ports import BusError, BusUnavailable, Incoming, TopicPartition


class Stored(NamedTuple):
    """A record as it lies in a partition."""

    partition: TopicPartition
    offset: int
    key: str
    value: bytes | None
    size: int
    """How many bytes it holds."""

    def decoded(self) -> Incoming:
        """Return the record as a consumer gets it: an object of its own each time."""
        topic, partition = self.partition
        return decode(topic, partition, self.offset, self.key, self.value)


class Capacity(NamedTuple):
    """How much a sink may hold of one partition before publishers wait."""

    records: int
    bytes: int


class Sink(Protocol):
    """Somewhere records go."""

    full: bool
    """Whether publishers must wait. Asked for every record, so it is kept, not worked out."""

    def append(self, stored: Stored) -> None:
        """Take a record and wake who waits for it."""
        ...


class _Waiting(NamedTuple):
    """A record whose publisher waits for room."""

    key: str
    value: bytes | None
    delivery: Delivery
    position: int


class Partition:
    """One partition: gives out offsets, hands records on, lets publishers wait while a sink is full.

    When one of them has given up, the next ones are refused at once until there is room: who publishes for many
    stations would wait for that partition again and again, and all of them with it.
    """

    def __init__(self, topic: str, number: int, *, compacted: bool) -> None:
        self.name = TopicPartition(topic, number)
        self.sinks: list[Sink] = []
        self.table: dict[str, Stored] | None = {} if compacted else None
        """Of a compacted topic: the newest record per key, oldest first."""
        self._next_offset = 0
        self._waiting: deque[_Waiting] = deque()
        self._stuck = False

    def put(self, key: str, value: bytes | None, delivery: Delivery, position: int) -> None:
        """Hand a record to all sinks, now or when there is room, in the order they came; settles its outcome then."""
        if not (self._waiting or self._is_full()):
            self._append(key, value)
            delivery.settle(position)
        elif self._stuck and self._is_full():
            topic, partition = self.name
            delivery.settle(position, BusUnavailable(f"{topic} {partition}: a consumer is too far behind"))
        else:
            self._waiting.append(_Waiting(key, value, delivery, position))

    def admit(self) -> None:
        """Take what waits, as far as there is room."""
        if self._stuck:
            self._stuck = self._is_full()
        while self._waiting and not self._is_full():
            key, value, delivery, position = self._waiting.popleft()
            self._append(key, value)
            delivery.settle(position)

    def drop(self, delivery: Delivery, *, gave_up: bool) -> None:
        """Forget what waits of a delivery; `gave_up`: it waited in vain, and was not just cancelled."""
        left = deque(waiting for waiting in self._waiting if waiting.delivery is not delivery)
        self._stuck = self._stuck or (gave_up and len(left) < len(self._waiting))
        self._waiting = left

    def fail(self, error: BusError) -> None:
        """Refuse all that waits."""
        while self._waiting:
            waiting = self._waiting.popleft()
            waiting.delivery.settle(waiting.position, error)

    def _append(self, key: str, value: bytes | None) -> None:
        stored = Stored(self.name, self._next_offset, key, value, 0 if value is None else len(value))
        self._next_offset += 1
        if self.table is not None:
            self.table.pop(key, None)
            if value is not None:
                self.table[key] = stored
        for sink in self.sinks:
            sink.append(stored)

    def _is_full(self) -> bool:
        for sink in self.sinks:  # noqa: SIM110 asked for every record, and a generator costs more than the answer
            if sink.full:
                return True
        return False


class GroupPartition:
    """A consumer group's records of one partition: those not delivered yet, and those delivered but not committed."""

    def __init__(self, partition: Partition, capacity: Capacity) -> None:
        self.partition = partition
        self.waiting: deque[Stored] = deque((partition.table or {}).values())
        self.on_records: Callable[[GroupPartition], None] | None = None
        """Of the member the partition is assigned to."""
        self._delivered: deque[Stored] = deque()
        self._records_left = capacity.records - len(self.waiting)
        self._bytes_left = capacity.bytes - _size(self.waiting)
        self.full = False
        """Whether as much as allowed is not committed yet."""
        self._count()
        partition.sinks.append(self)

    def _count(self, records: int = 0, size: int = 0) -> None:
        """Count room that was given back, or taken (below 0)."""
        self._records_left += records
        self._bytes_left += size
        self.full = self._records_left <= 0 or self._bytes_left <= 0

    def append(self, stored: Stored) -> None:
        """Take a record and tell the member."""
        self.waiting.append(stored)
        self._count(-1, -stored.size)
        if self.on_records is not None:
            self.on_records(self)

    def deliver(self, limit: int, max_bytes: int, *, first: bool) -> list[Incoming]:
        """Return up to `limit` records, in order, of up to `max_bytes`; they come again unless they are committed.

        `first`: one comes in any case.
        """
        records: list[Incoming] = []
        while self.waiting and len(records) < limit:
            max_bytes -= self.waiting[0].size
            if max_bytes < 0 and (records or not first):
                break
            stored = self.waiting.popleft()
            self._delivered.append(stored)
            records.append(stored.decoded())
        return records

    def commit(self, offset: int) -> None:
        """Forget all delivered records before `offset`."""
        while self._delivered and self._delivered[0].offset < offset:
            self._count(1, self._delivered.popleft().size)
        self.partition.admit()

    def rewind(self, offset: int = 0) -> None:
        """Deliver again from `offset` on; committed records never come again."""
        while self._delivered and self._delivered[-1].offset >= offset:
            self.waiting.appendleft(self._delivered.pop())
        if self.waiting and self.on_records is not None:
            self.on_records(self)


def _size(records: Iterable[Stored]) -> int:
    return sum(stored.size for stored in records)
