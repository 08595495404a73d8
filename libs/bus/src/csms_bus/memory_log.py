"""The partitions of the in-process bus. A record goes to the sinks of its partition, and is kept nowhere else.

A sink is the queue of one consumer group for one partition (`GroupPartition`), or of one reader. A partition without
sinks keeps nothing, except the newest record per key when its topic is compacted. Records wait as bytes.
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
    """Bytes of the record."""

    def decoded(self) -> Incoming:
        """Return the record as a consumer gets it: a new object each time."""
        topic, partition = self.partition
        return decode(topic, partition, self.offset, self.key, self.value)


class Capacity(NamedTuple):
    """What a sink may hold of one partition. Beyond it publishers wait."""

    records: int
    bytes: int


class Sink(Protocol):
    """A place that records go to."""

    full: bool
    """Whether publishers must wait. It is a value, not worked out: it is asked for every record."""

    def append(self, stored: Stored) -> None:
        """Take a record, and wake a consumer that waits for it."""
        ...


class _Waiting(NamedTuple):
    """A record whose publisher waits for room."""

    key: str
    value: bytes | None
    delivery: Delivery
    position: int


class Partition:
    """One partition: gives out offsets, passes records on, and lets publishers wait while a sink is full.

    When a publisher has given up, others are refused at once until there is room: a caller that publishes for many
    stations would wait for that partition again and again, and all stations with it.
    """

    def __init__(self, topic: str, number: int, *, compacted: bool) -> None:
        self.name = TopicPartition(topic, number)
        self.sinks: list[Sink] = []
        self.table: dict[str, Stored] | None = {} if compacted else None
        """The newest record per key, oldest first, if the topic is compacted; else None."""
        self._next_offset = 0
        self._waiting: deque[_Waiting] = deque()
        self._stuck = False

    def put(self, key: str, value: bytes | None, delivery: Delivery, position: int) -> None:
        """Give a record to all sinks, now or when there is room, in the order of the calls. Then settle its outcome."""
        if not (self._waiting or (self.sinks and self._is_full())):
            self._append(key, value)
            delivery.settle(position)
        elif self._stuck and self._is_full():
            topic, partition = self.name
            delivery.settle(position, BusUnavailable(f"{topic} {partition}: a consumer is too far behind"))
        else:
            self._waiting.append(_Waiting(key, value, delivery, position))

    def admit(self) -> None:
        """Take the records that wait, as far as there is room."""
        if self._stuck:
            self._stuck = self._is_full()
        while self._waiting and not self._is_full():
            key, value, delivery, position = self._waiting.popleft()
            self._append(key, value)
            delivery.settle(position)

    def drop(self, delivery: Delivery, *, gave_up: bool) -> None:
        """Forget the records of a delivery that wait. `gave_up`: it waited in vain, and was not only cancelled."""
        left = deque(waiting for waiting in self._waiting if waiting.delivery is not delivery)
        self._stuck = self._stuck or (gave_up and len(left) < len(self._waiting))
        self._waiting = left

    def fail(self, error: BusError) -> None:
        """Refuse all records that wait."""
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
    """The records of one partition that a consumer group has not committed yet, delivered or not."""

    def __init__(self, partition: Partition, capacity: Capacity) -> None:
        self.partition = partition
        self.waiting: deque[Stored] = deque((partition.table or {}).values())
        self.on_records: Callable[[GroupPartition], None] | None = None
        """Called when records come; set by the member that has the partition."""
        self._delivered: deque[Stored] = deque()
        self._records_left = capacity.records - len(self.waiting)
        self._bytes_left = capacity.bytes - _size(self.waiting)
        self.full = False
        """Whether the uncommitted records take all the room."""
        self._count()
        partition.sinks.append(self)

    def _count(self, records: int = 0, size: int = 0) -> None:
        """Count room that was given back; below 0: that was taken."""
        self._records_left += records
        self._bytes_left += size
        self.full = self._records_left <= 0 or self._bytes_left <= 0

    def append(self, stored: Stored) -> None:
        """Take a record. Tell the member when it is the first one that waits."""
        self.waiting.append(stored)
        self._records_left -= 1  # as `_count` does, which would cost too much for each record
        self._bytes_left -= stored.size
        if self._records_left <= 0 or self._bytes_left <= 0:
            self.full = True
        if self.on_records is not None and len(self.waiting) == 1:
            self.on_records(self)

    def deliver(self, limit: int, max_bytes: int, *, first: bool) -> list[Incoming]:
        """Return up to `limit` records, in order, of up to `max_bytes`. They come again unless they are committed.

        `first`: return one record in any case.
        """
        records: list[Incoming] = []
        topic, partition = self.partition.name
        while self.waiting and len(records) < limit:
            stored = self.waiting[0]
            max_bytes -= stored.size
            if max_bytes < 0 and (records or not first):
                break
            self.waiting.popleft()
            self._delivered.append(stored)
            records.append(decode(topic, partition, stored.offset, stored.key, stored.value))
        return records

    def commit(self, offset: int) -> None:
        """Forget all delivered records before `offset`."""
        records = size = 0
        while self._delivered and self._delivered[0].offset < offset:
            records += 1
            size += self._delivered.popleft().size
        self._count(records, size)
        self.partition.admit()

    def rewind(self, offset: int = 0) -> None:
        """Deliver again from `offset` on. Committed records never come again."""
        while self._delivered and self._delivered[-1].offset >= offset:
            self.waiting.appendleft(self._delivered.pop())
        if self.waiting and self.on_records is not None:
            self.on_records(self)


def _size(records: Iterable[Stored]) -> int:
    return sum(stored.size for stored in records)
