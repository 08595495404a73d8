"""The in-process bus of standalone mode. It keeps Kafka's promises as long as the process lives, and does not poll.

Records are kept as bytes, with Kafka's limits and partitions, until all groups that ever subscribed to the topic have
committed them. A topic without groups keeps nothing. Memory is bounded: publishers wait while a consumer is too slow.
"""

import asyncio
from collections.abc import Mapping, Sequence

from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES

from csms_bus.delivery import Delivery
from csms_bus.kafka_records import partition_of, value_of
from csms_bus.memory_group import Group, Member
from csms_bus.memory_log import Capacity, GroupPartition, Partition
from csms_bus.memory_reader import MemoryReader
from csms_bus.ports import BusError, BusUnavailable, Outgoing, RebalanceListener, Settled, Start
from csms_bus.topics import CATALOGUE, Cleanup, Key, Topic

STATION_PARTITIONS = 12
"""Partitions of the topics whose key is the station: one process reads them all, and more would only cost it time."""


class MemoryBus:
    """Implements `csms_bus.ports.Bus` for one process and one event loop.

    `partitions` replaces the numbers of partitions of the topics that it names. A group may leave `capacity` records
    and `capacity_bytes` uncommitted in one partition (a reader: unread). Beyond that publishers wait, and give up after
    `publish_timeout_s` seconds.
    """

    def __init__(
        self,
        partitions: Mapping[str, int] | None = None,
        *,
        topics: Sequence[Topic] = CATALOGUE,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        capacity: int = 10_000,
        capacity_bytes: int = 16 * 1024 * 1024,
        publish_timeout_s: float = 10.0,
    ) -> None:
        numbers = partitions or {}
        self._topics = {topic.name: _partitions(topic, numbers.get(topic.name, _number(topic))) for topic in topics}
        self._limits = {topic.name: topic.max_record_bytes(max_message_bytes) for topic in topics}
        self._groups: dict[str, Group] = {}
        self._capacity = Capacity(capacity, capacity_bytes)
        self._publish_timeout_s = publish_timeout_s
        self._stopped = False

    @property
    def durable(self) -> bool:
        """See `csms_bus.ports.Bus`. Records in memory are lost with the process."""
        return False

    async def start(self) -> None:
        """See `csms_bus.ports.Bus`."""

    async def stop(self) -> None:
        """Refuse further records. Publishers that wait get BusUnavailable."""
        self._stopped = True
        for partitions in self._topics.values():
            for partition in partitions:
                partition.fail(BusUnavailable("the bus was stopped"))

    def partitions(self, topic: str) -> int:
        """See `csms_bus.ports.Bus`. Raises KeyError for an unknown topic."""
        return len(self._topics[topic])

    async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
        """See `csms_bus.ports.Bus`. Does not yield to the event loop while there is room."""
        delivery = Delivery(len(records), settled)
        for position, outgoing in enumerate(records):
            self._put(outgoing, delivery, position)
        if not delivery.complete:
            await self._wait_for_room(records, delivery)
        delivery.report(records)

    def _put(self, outgoing: Outgoing, delivery: Delivery, position: int) -> None:
        key, topic = outgoing.ordering_key, outgoing.topic
        try:
            if self._stopped:
                raise BusUnavailable("the bus was stopped")
            partitions = self._topics.get(topic)
            if partitions is None:
                raise BusUnavailable(f"topic {topic} does not exist")
            value = value_of(outgoing, self._limits[topic])
            partition = partitions[partition_of(outgoing, key, len(partitions))]
        except BusError as error:
            delivery.settle(position, error)
        else:
            partition.put(key, value, delivery, position)

    async def _wait_for_room(self, records: Sequence[Outgoing], delivery: Delivery) -> None:
        gave_up = False
        try:
            async with asyncio.timeout(self._publish_timeout_s):
                await delivery.wait()
        except TimeoutError:
            gave_up = True
            text = f"no room within {self._publish_timeout_s:g} s: a consumer is too far behind"
            delivery.give_up(BusUnavailable(text))
        finally:
            for topic in {outgoing.topic for outgoing in records} & self._topics.keys():
                for partition in self._topics[topic]:
                    partition.drop(delivery, gave_up=gave_up)

    async def subscribe(self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None) -> Member:
        """See `csms_bus.ports.Bus`. Raises KeyError for an unknown topic."""
        members = self._groups.setdefault(group, Group())
        for topic in topics:
            for partition in self._topics[topic]:
                if partition.name not in members.partitions:
                    members.partitions[partition.name] = GroupPartition(partition, self._capacity)
        member = Member(members, topics, listener)
        await members.join(member)
        return member

    def read(self, topic: str, *, partition: int | None, start: Start) -> MemoryReader:
        """See `csms_bus.ports.Bus`. Raises KeyError for an unknown topic, IndexError for an unknown partition."""
        partitions = self._topics[topic]
        return MemoryReader(partitions if partition is None else [partitions[partition]], start, self._capacity)


def _number(topic: Topic) -> int:
    return min(topic.partitions, STATION_PARTITIONS) if topic.key is Key.STATION else topic.partitions


def _partitions(topic: Topic, number: int) -> list[Partition]:
    compacted = topic.cleanup is Cleanup.COMPACT
    return [Partition(topic.name, partition, compacted=compacted) for partition in range(number)]
