"""Readers of the in-process bus: by assignment, without a group."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from csms_bus.memory_log import Capacity, Partition, Stored
from csms_bus.ports import Incoming, Start


class MemoryReader:
    """Reads partitions from now on. With a start at the beginning, first reads the table of a compacted topic.

    Implements `csms_bus.ports.Reader` and is a sink of its partitions.
    """

    def __init__(self, partitions: Sequence[Partition], start: Start, capacity: Capacity) -> None:
        self._partitions = partitions
        self._start = start
        self._capacity = capacity
        self._table: list[Stored] = []
        self._records: deque[Stored] = deque()
        self._bytes = 0
        self._wakeup: asyncio.Future[None] | None = None
        self.full = False
        """Whether publishers must wait."""

    def append(self, stored: Stored) -> None:
        """Take a record."""
        self._records.append(stored)
        self._bytes += stored.size
        if self._bytes >= self._capacity.bytes or len(self._records) >= self._capacity.records:
            self.full = True
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    async def __aenter__(self) -> "MemoryReader":
        """See `csms_bus.ports.Reader`."""
        for partition in self._partitions:
            if self._start is Start.BEGINNING and partition.table is not None:
                self._table += partition.table.values()
            partition.sinks.append(self)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """See `csms_bus.ports.Reader`."""
        for partition in self._partitions:
            partition.sinks.remove(self)
            partition.admit()

    async def batches(self) -> AsyncIterator[Sequence[Incoming]]:
        """See `csms_bus.ports.Reader`."""
        if self._start is Start.BEGINNING:
            table, self._table = self._table, []
            if table:
                yield [stored.decoded() for stored in table]
            yield ()
        while True:
            yield await self._next()

    async def _next(self) -> Sequence[Incoming]:
        while not self._records:
            self._wakeup = asyncio.get_running_loop().create_future()
            await self._wakeup
        batch = [stored.decoded() for stored in self._records]
        self._records.clear()
        self._bytes = 0
        self.full = False
        for partition in self._partitions:
            partition.admit()
        return batch
