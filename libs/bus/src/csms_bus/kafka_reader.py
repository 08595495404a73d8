"""Reads Kafka partitions by assignment, without a group."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from csms_bus.flow import Backoff
from csms_bus.kafka_consumer import decoded
from csms_bus.kafka_errors import bus_errors
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import BusUnavailable, Incoming, Start

_log = structlog.get_logger(__name__)

_MAX_RECORDS = 1000
_CATCH_UP_POLL_MS = 100
_POLL_MS = 1000


CountOf = Callable[[str, int | None], Awaitable[int]]
"""Returns the number of a topic's partitions, asked anew if there is none of that number. Raises BusUnavailable."""


class KafkaReader:
    """Implements `csms_bus.ports.Reader`.

    Who reads all partitions gets those that are added later too, from their beginning, within `metadata_age_s`.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        count_of: CountOf,
        topic: str,
        partition: int | None,
        start: Start,
    ) -> None:
        self._settings = settings
        self._count_of = count_of
        self._topic = topic
        self._partition = partition
        self._start = start
        self._consumer: AIOKafkaConsumer | None = None
        self._ends: dict[TopicPartition, int] = {}
        """Where each log ended when the reading began. Partitions that are read up to there are not in it."""

    async def __aenter__(self) -> "KafkaReader":
        """See `csms_bus.ports.Reader`."""
        self._consumer = consumer = self._new_consumer()
        try:
            with bus_errors():
                async with asyncio.timeout(self._settings.request_timeout_s):
                    await self._position(consumer)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """See `csms_bus.ports.Reader`."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()

    async def batches(self) -> AsyncIterator[Sequence[Incoming]]:
        """See `csms_bus.ports.Reader`."""
        if self._consumer is None:
            raise BusUnavailable("the reader is not open")
        catching_up = self._start is Start.BEGINNING
        while True:
            batch = await self._poll(self._consumer, _CATCH_UP_POLL_MS if catching_up else _POLL_MS)
            if batch:
                yield batch
            if catching_up and await self._has_caught_up(self._consumer):
                catching_up = False
                yield ()

    async def _position(self, consumer: AIOKafkaConsumer) -> None:
        await consumer.start()
        partitions = await self._partitions()
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        begins = ends if self._start is Start.END else await consumer.beginning_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, begins[partition])
        self._ends = {partition: ends[partition] for partition in partitions if begins[partition] < ends[partition]}

    async def _partitions(self) -> list[TopicPartition]:
        count = await self._count_of(self._topic, self._partition)
        if self._partition is None:
            return [TopicPartition(self._topic, number) for number in range(count)]
        if self._partition >= count:
            raise BusUnavailable(f"{self._topic} has no partition {self._partition}: it has {count}")
        return [TopicPartition(self._topic, self._partition)]

    async def _take_new(self, consumer: AIOKafkaConsumer) -> None:
        """Read partitions that were added, too. Raises KafkaError."""
        if self._partition is not None:
            return
        known = consumer.assignment()
        numbers = consumer.partitions_for_topic(self._topic) or set()
        added = [TopicPartition(self._topic, number) for number in sorted(numbers)[len(known) :]]
        if not added:
            return
        positions = {partition: await consumer.position(partition) for partition in known}
        positions |= await consumer.beginning_offsets(added)
        consumer.assign(list(positions))
        for partition, offset in positions.items():
            consumer.seek(partition, offset)
        _log.info("partitions were added", topic=self._topic, before=len(known), now=len(positions))

    async def _poll(self, consumer: AIOKafkaConsumer, timeout_ms: int) -> list[Incoming]:
        backoff = Backoff(0.2, 5.0)
        while True:
            try:
                await self._take_new(consumer)
                polled = await consumer.getmany(timeout_ms=timeout_ms, max_records=_MAX_RECORDS)
            except KafkaError as error:
                _log.warning("cannot read", topic=self._topic, error=repr(error))
                await asyncio.sleep(backoff.next_pause())
            else:
                return decoded(polled)

    async def _has_caught_up(self, consumer: AIOKafkaConsumer) -> bool:
        for partition, end in list(self._ends.items()):
            if await consumer.position(partition) >= end:
                del self._ends[partition]
        return not self._ends

    def _new_consumer(self) -> AIOKafkaConsumer:
        settings = self._settings
        return AIOKafkaConsumer(
            **settings.client(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            fetch_max_bytes=settings.fetch_bytes,
        )
