"""The in-process bus of standalone mode: Kafka's promises as long as the process lives, no serialisation, no polling.

Records are passed on as objects. They are kept until all groups that ever subscribed to the topic have committed them;
a topic without groups keeps nothing. Bounded: publishers wait while a group or reader is too far behind.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

from csms_runtime import metrics

from csms_bus.memory_group import Group, Member
from csms_bus.memory_log import GroupPartition, Partition
from csms_bus.memory_reader import MemoryReader
from csms_bus.ports import BusUnavailable, Outgoing, RebalanceListener, Start
from csms_bus.topics import CATALOGUE, Cleanup, Topic


class MemoryBus:
    """Implements `csms_bus.ports.Bus` for one process and one event loop.

    `partitions` replaces the number of partitions of the topics it names. `capacity` is how many records a group may
    leave uncommitted (or a reader unread) in one partition before publishers wait; they give up after
    `publish_timeout_s` seconds.
    """

    def __init__(
        self,
        partitions: Mapping[str, int] | None = None,
        *,
        topics: Sequence[Topic] = CATALOGUE,
        capacity: int = 10_000,
        publish_timeout_s: float = 10.0,
    ) -> None:
        numbers = partitions or {}
        self._topics = {topic.name: _partitions(topic, numbers.get(topic.name, topic.partitions)) for topic in topics}
        self._published = {name: metrics.BUS_PUBLISHED.labels(name) for name in self._topics}
        self._groups: dict[str, Group] = {}
        self._capacity = capacity
        self._publish_timeout_s = publish_timeout_s
        self._stopped = False

    @property
    def durable(self) -> bool:
        """See `csms_bus.ports.Bus`. What is in memory ends with the process."""
        return False

    async def start(self) -> None:
        """See `csms_bus.ports.Bus`."""

    async def stop(self) -> None:
        """Refuse further records; publishers that wait get BusUnavailable."""
        self._stopped = True
        for partitions in self._topics.values():
            for partition in partitions:
                partition.fail(BusUnavailable("the bus was stopped"))

    def partitions(self, topic: str) -> int:
        """See `csms_bus.ports.Bus`. Raises KeyError for an unknown topic."""
        return len(self._topics[topic])

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See `csms_bus.ports.Bus`. Does not yield to the event loop while there is room.

        Raises KeyError for an unknown topic, IndexError for a partition it does not have.
        """
        for position, outgoing in enumerate(records):
            if self._stopped:
                raise BusUnavailable("the bus was stopped")
            key = outgoing.record.station_id if outgoing.key is None else outgoing.key
            partition = self._partition(outgoing, key)
            if not partition.has_room:
                self._count(records[:position])
                await self._publish_slowly(records[position:])
                return
            partition.append(outgoing, key)
        self._count(records)

    def _count(self, records: Sequence[Outgoing]) -> None:
        for topic, count in Counter(outgoing.topic for outgoing in records).items():
            self._published[topic].inc(count)

    async def subscribe(self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None) -> Member:
        """See `csms_bus.ports.Bus`. Raises KeyError for an unknown topic."""
        members = self._groups.setdefault(group, Group())
        for topic in topics:
            for partition in self._topics[topic]:
                if partition.name not in members.partitions:
                    members.partitions[partition.name] = GroupPartition(partition, capacity=self._capacity)
        member = Member(members, topics, listener)
        await members.join(member)
        return member

    def read(self, topic: str, *, partition: int | None, start: Start) -> MemoryReader:
        """See `csms_bus.ports.Bus`. Raises KeyError for an unknown topic, IndexError for an unknown partition."""
        partitions = self._topics[topic]
        return MemoryReader(
            partitions if partition is None else [partitions[partition]], start, capacity=self._capacity
        )

    def _partition(self, outgoing: Outgoing, key: str) -> Partition:
        partitions = self._topics[outgoing.topic]
        if outgoing.partition is not None:
            return partitions[outgoing.partition]
        return partitions[zlib.crc32(key.encode()) % len(partitions)]

    async def _publish_slowly(self, records: Sequence[Outgoing]) -> None:
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                for outgoing in records:
                    await self._publish_one(outgoing)
        except TimeoutError:
            metrics.BUS_PUBLISH_FAILURES.inc()
            raise BusUnavailable(
                f"no room within {self._publish_timeout_s:g} s: a consumer is too far behind"
            ) from None

    async def _publish_one(self, outgoing: Outgoing) -> None:
        key = outgoing.record.station_id if outgoing.key is None else outgoing.key
        partition = self._partition(outgoing, key)
        if not partition.has_room:
            await partition.wait_for_room()
        partition.append(outgoing, key)
        partition.admit()
        self._count([outgoing])


def _partitions(topic: Topic, number: int) -> list[Partition]:
    compacted = topic.cleanup is Cleanup.COMPACT
    return [Partition(topic.name, partition, compacted=compacted) for partition in range(number)]
