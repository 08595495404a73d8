"""The partitions of the in-process bus: what was published goes to the sinks that want it, and is kept nowhere else.

A sink is the queue of one consumer group for one partition (`GroupPartition`), or of one reader. A partition without
sinks keeps nothing, except the newest record per key when its topic is compacted.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from csms_bus.ports import Incoming, Outgoing, TopicPartition


class Sink(Protocol):
    """Somewhere records go."""

    @property
    def full(self) -> bool:
        """Whether publishers must wait."""
        ...

    def append(self, incoming: Incoming) -> None:
        """Take a record and wake who waits for it."""
        ...


class Partition:
    """One partition: gives out offsets, hands records on, lets publishers wait while a sink is full."""

    def __init__(self, topic: str, number: int, *, compacted: bool) -> None:
        self.name = TopicPartition(topic, number)
        self.sinks: list[Sink] = []
        self.table: dict[str, Incoming] | None = {} if compacted else None
        """Of a compacted topic: the newest record per key, oldest first."""
        self._next_offset = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def has_room(self) -> bool:
        """Whether a publisher may append now: no sink is full and nobody waits already."""
        return not self._waiting and not self._is_full()

    def append(self, outgoing: Outgoing, key: str) -> None:
        """Hand a record to all sinks."""
        record = None if outgoing.tombstone else outgoing.record
        incoming = Incoming(self.name.topic, self.name.partition, self._next_offset, key, record)
        self._next_offset += 1
        if self.table is not None:
            self.table.pop(key, None)
            if record is not None:
                self.table[key] = incoming
        for sink in self.sinks:
            sink.append(incoming)

    async def wait_for_room(self) -> None:
        """Wait for one's turn to append. The caller appends before it awaits anything else, then calls `admit`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            self._waiting.remove(turn)
            self.admit()  # the turn may have been given but was not used
            raise
        self._waiting.popleft()  # not before now: whoever comes in between must queue up behind

    def admit(self) -> None:
        """Give the next waiting publisher its turn, when there is room."""
        if self._waiting and not self._waiting[0].done() and not self._is_full():
            self._waiting[0].set_result(None)

    def fail(self, error: Exception) -> None:
        """Make all waiting publishers raise `error`."""
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(error)

    def _is_full(self) -> bool:
        for sink in self.sinks:  # noqa: SIM110 asked for every record, and a generator costs more than the answer
            if sink.full:
                return True
        return False


class GroupPartition:
    """A consumer group's records of one partition: those not delivered yet, and those delivered but not committed."""

    def __init__(self, partition: Partition, *, capacity: int) -> None:
        self.partition = partition
        self.waiting: deque[Incoming] = deque((partition.table or {}).values())
        self.on_records: Callable[[GroupPartition], None] | None = None
        """Of the member the partition is assigned to."""
        self._delivered: deque[Incoming] = deque()
        self._capacity = capacity
        partition.sinks.append(self)

    @property
    def full(self) -> bool:
        """Whether as many records as allowed are not committed yet."""
        return len(self.waiting) + len(self._delivered) >= self._capacity

    def append(self, incoming: Incoming) -> None:
        """Take a record and tell the member."""
        self.waiting.append(incoming)
        if self.on_records is not None:
            self.on_records(self)

    def deliver(self, limit: int) -> list[Incoming]:
        """Return up to `limit` records, in order; they come again unless they are committed."""
        records = [self.waiting.popleft() for _ in range(min(limit, len(self.waiting)))]
        self._delivered.extend(records)
        return records

    def commit(self, offset: int) -> None:
        """Forget all delivered records before `offset`."""
        while self._delivered and self._delivered[0].offset < offset:
            self._delivered.popleft()
        self.partition.admit()

    def rewind(self, offset: int = 0) -> None:
        """Deliver again from `offset` on; committed records never come again."""
        while self._delivered and self._delivered[-1].offset >= offset:
            self.waiting.appendleft(self._delivered.pop())
        if self.waiting and self.on_records is not None:
            self.on_records(self)
