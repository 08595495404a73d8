"""Publishing to Kafka: idempotent, acknowledged by all in-sync replicas, in order per partition."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from csms_runtime import metrics

from csms_bus import topics as catalogue
from csms_bus.kafka_errors import as_bus_error, bus_errors, is_retriable
from csms_bus.kafka_lane import Delivery, Lane, Message
from csms_bus.kafka_records import hash_of, key_of
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import BusError, BusUnavailable, Outgoing, RecordTooLarge, TopicPartition

_log = structlog.get_logger(__name__)

_MAX_BYTES = {topic.name: topic.max_record_bytes for topic in catalogue.CATALOGUE}
_BATCH_BYTES = 512 * 1024
_STOP_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 1.0

Lanes = Mapping[TopicPartition, Lane]


class KafkaPublisher:
    """One producer, replaced when it is beyond repair.

    Memory is bounded: of each partition one batch of at most 512 KiB is under way, and what waits behind it is dropped
    when its publisher gives up. What was under way then may still be written when the broker is back.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._lanes: dict[TopicPartition, Lane] = {}
        """Of the producer."""
        self._replacing = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises BusUnavailable."""
        self._producer = await self._connect()

    async def stop(self) -> None:
        """Send what is still waiting, for at most a few seconds, and disconnect."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            lanes, self._lanes = self._lanes, {}
            await _stop(producer, lanes.values())

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has. Raises KeyError for a topic that does not exist, BusUnavailable."""
        partitions = self._connected().client.cluster.partitions_for_topic(topic)
        if not partitions:
            raise KeyError(f"topic {topic} does not exist")
        return len(partitions)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See `csms_bus.ports.Bus`."""
        started = time.perf_counter()
        try:
            await self._publish(records)
        except BusError:
            metrics.BUS_PUBLISH_FAILURES.inc()
            raise
        metrics.BUS_PUBLISH_SECONDS.observe(time.perf_counter() - started)
        for topic, count in Counter(outgoing.topic for outgoing in records).items():
            metrics.BUS_PUBLISHED.labels(topic).inc(count)

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        producer = self._connected()
        delivery = Delivery(len(records))
        lanes: list[Lane] = []
        try:
            async with asyncio.timeout(self._settings.publish_timeout_s):
                lanes = await self._put(producer, records, delivery)
                await delivery.done
        except TimeoutError:
            raise BusUnavailable(f"not acknowledged within {self._settings.publish_timeout_s:g} s") from None
        except (KafkaError, OSError) as error:
            if isinstance(error, KafkaError) and not is_retriable(error):
                await self._replace(producer, error)
            raise as_bus_error(error) from error
        finally:
            if delivery.done.cancelled():
                for lane in lanes:
                    lane.drop(delivery)

    async def _put(self, producer: AIOKafkaProducer, records: Sequence[Outgoing], delivery: Delivery) -> list[Lane]:
        """Put all records into the lanes of their partitions, in order, and return these; waits for metadata only."""
        numbers = {topic: await _partitions(producer, topic) for topic in {outgoing.topic for outgoing in records}}
        places = [(_place(outgoing, numbers[outgoing.topic]), _message(outgoing, delivery)) for outgoing in records]
        lanes: dict[TopicPartition, Lane] = {}
        for name, message in places:
            lane = lanes.get(name)
            if lane is None:
                lane = lanes[name] = self._lane(producer, name)
            lane.put(message)
        return list(lanes.values())

    def _lane(self, producer: AIOKafkaProducer, name: TopicPartition) -> Lane:
        if producer is not self._producer:
            raise BusUnavailable("the producer was replaced")
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(producer, name)
        return lane

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise BusUnavailable("the bus is not started")
        return self._producer

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._settings.client(),
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=_BATCH_BYTES,
            max_request_size=max(_MAX_BYTES.values()) + 64 * 1024,
        )
        try:
            with bus_errors():
                async with asyncio.timeout(self._settings.request_timeout_s):
                    await producer.start()
                    await producer.client.set_topics(list(_MAX_BYTES))
        except BaseException:
            await _stop(producer)
            raise
        return producer

    async def _replace(self, producer: AIOKafkaProducer, error: BaseException) -> None:
        """Start over with a new producer id: after such an error the broker refuses what follows in the partition."""
        async with self._replacing:
            if self._producer is not producer:
                return
            _log.error("producer replaced", error=repr(error))
            lanes, self._producer, self._lanes = self._lanes, await self._connect(), {}
            await _stop(producer, lanes.values())


async def _partitions(producer: AIOKafkaProducer, topic: str) -> set[int]:
    known: set[int] | None = producer.client.cluster.partitions_for_topic(topic)
    return known or await producer.partitions_for(topic)


def _place(outgoing: Outgoing, partitions: set[int]) -> TopicPartition:
    number = outgoing.partition
    if number is None:
        return TopicPartition(outgoing.topic, hash_of(key_of(outgoing)) % len(partitions))
    if number not in partitions:
        raise IndexError(f"{outgoing.topic} has no partition {number}")
    return TopicPartition(outgoing.topic, number)


def _message(outgoing: Outgoing, delivery: Delivery) -> Message:
    value = None if outgoing.tombstone else outgoing.record.SerializeToString()
    limit = _MAX_BYTES.get(outgoing.topic, catalogue.MAX_RECORD_BYTES)
    if value is not None and len(value) > limit:
        raise RecordTooLarge(f"{len(value)} bytes for {outgoing.topic}, which takes at most {limit}")
    return Message(key_of(outgoing).encode(), value, delivery)


async def _stop(producer: AIOKafkaProducer, lanes: Iterable[Lane] = ()) -> None:
    working = [lane.task for lane in lanes if lane.task is not None]
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await asyncio.gather(*working, return_exceptions=True)
    except TimeoutError:
        _log.warning("records were not acknowledged before the bus stopped")
        task = producer._sender.sender_task  # noqa: SLF001 else stop() waits for ever for a broker that is gone
        if task is not None:
            task.cancel()
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await producer.stop()
    except TimeoutError:
        await producer.client.close()  # ends the requests that a frozen broker does not answer
