"""Publishes to Kafka: idempotent, acknowledged by all in-sync replicas, in order per partition."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from csms_runtime import metrics
from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES

from csms_bus import topics as catalogue
from csms_bus.delivery import Delivery
from csms_bus.kafka_errors import as_bus_error, bus_errors
from csms_bus.kafka_known import KnownPartitions
from csms_bus.kafka_lane import Lane, Message
from csms_bus.kafka_records import partition_of, value_of
from csms_bus.kafka_rights import OnHealth, Rights
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import BusError, BusUnavailable, Outgoing, Settled, TopicPartition

_log = structlog.get_logger(__name__)

_TOPICS = {topic.name: topic for topic in catalogue.CATALOGUE}
_BATCH_BYTES = 512 * 1024
_REFUSAL_S = 0.05
_STOP_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 1.0

Lanes = Mapping[TopicPartition, Lane]


class KafkaPublisher:
    """One producer. It is replaced after an error that it does not recover from.

    Memory is bounded: one batch of at most 512 KiB is under way to each partition. Records behind it are dropped when
    their publisher gives up. A batch that was under way then may still be written when the broker is back.
    """

    def __init__(self, settings: KafkaSettings, on_health: OnHealth | None = None) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._partitions: tuple[AIOKafkaProducer, KnownPartitions] | None = None
        """What the present producer knows."""
        self._lanes: dict[TopicPartition, Lane] = {}
        """By partition, for the present producer."""
        self._narrow: set[TopicPartition] = set()
        """See `Lane`."""
        self._rights = Rights(settings.user, on_health)
        self._replacing = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises BusUnavailable."""
        self._producer = await self._connect()

    async def stop(self) -> None:
        """Send the records that wait, for a few seconds at most, and disconnect."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            lanes, self._lanes = self._lanes, {}
            await _stop(producer, lanes.values())

    def partitions(self, topic: str) -> int:
        """Return the number of a topic's partitions. Raises KeyError when the topic does not exist, BusUnavailable."""
        count = self._known(self._connected()).count(topic)
        if not count:
            raise KeyError(f"topic {topic} does not exist")
        return count

    async def partitions_of(self, topic: str, number: int | None = None) -> int:
        """Return the number of a topic's partitions. Raises BusUnavailable.

        Asks the brokers if the topic is not known, or has no partition `number` so far.
        """
        producer = self._connected()
        known = self._known(producer)
        with bus_errors():
            if not known.count(topic):
                return len(await producer.partitions_for(topic))
            if number is not None and number >= known.count(topic):
                await known.look()
        return known.count(topic)

    async def ping(self) -> None:
        """Ask the brokers for a sign of life. Raises BusUnavailable."""
        if not await self._connected().client.force_metadata_update():
            raise BusUnavailable("no broker answers")

    async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
        """See `csms_bus.ports.Bus`."""
        started = time.perf_counter()
        delivery = Delivery(len(records), settled)
        try:
            await self._deliver(records, delivery)
        finally:
            if not delivery.complete:  # cancelled
                self._drop(records, delivery)
        self._rights.published(records, delivery.failures)
        delivery.report(records)
        metrics.BUS_PUBLISH_SECONDS.observe(time.perf_counter() - started)

    async def _deliver(self, records: Sequence[Outgoing], delivery: Delivery) -> None:
        """Wait until every record has its outcome. Replace the producer if it does not recover from an error."""
        producer = self._producer
        if producer is None:
            delivery.give_up(BusUnavailable("the bus is not started"))
            return
        try:
            async with asyncio.timeout(self._settings.publish_timeout_s):
                await self._put(producer, records, delivery)
                if delivery.complete:  # all were refused at once: a caller that tries again at once must let others run
                    await asyncio.sleep(_REFUSAL_S)
                await delivery.wait()
        except TimeoutError:
            self._drop(records, delivery)
            delivery.give_up(BusUnavailable(f"not acknowledged within {self._settings.publish_timeout_s:g} s"))
        if delivery.fatal is not None:
            await self._replace(producer, delivery.fatal)

    async def _put(self, producer: AIOKafkaProducer, records: Sequence[Outgoing], delivery: Delivery) -> None:
        """Put all records into the lanes of their partitions, in order. Waits where those are not known yet."""
        count_of = self._known(producer).count
        unknown: dict[str, list[tuple[int, Outgoing]]] = {}
        for position, outgoing in enumerate(records):
            count = count_of(outgoing.topic)
            if count and (outgoing.partition is None or outgoing.partition < count):
                self._put_one(producer, outgoing, count, delivery, position)
            else:
                unknown.setdefault(outgoing.topic, []).append((position, outgoing))
        for topic, waiting in unknown.items():
            await self._put_unknown(producer, topic, waiting, delivery)

    async def _put_unknown(
        self, producer: AIOKafkaProducer, topic: str, waiting: Sequence[tuple[int, Outgoing]], delivery: Delivery
    ) -> None:
        """Put records of a topic that is not known yet, or of partitions that may be new: an inbox has grown."""
        known = self._known(producer)
        try:
            await (known.look() if known.count(topic) else producer.partitions_for(topic))
        except (KafkaError, OSError) as error:
            for position, _ in waiting:
                delivery.settle(position, as_bus_error(error))
        else:
            for position, outgoing in waiting:
                self._put_one(producer, outgoing, known.count(topic), delivery, position)

    def _known(self, producer: AIOKafkaProducer) -> KnownPartitions:
        if self._partitions is None or self._partitions[0] is not producer:
            self._partitions = producer, KnownPartitions(producer.client)
        return self._partitions[1]

    def _put_one(
        self, producer: AIOKafkaProducer, outgoing: Outgoing, partitions: int, delivery: Delivery, position: int
    ) -> None:
        try:
            number = partition_of(outgoing, outgoing.ordering_key, partitions)
            message = _message(outgoing, delivery, position, self._settings.max_message_bytes)
            self._lane(producer, TopicPartition(outgoing.topic, number)).put(message)
        except BusError as error:
            delivery.settle(position, error)

    def _drop(self, records: Sequence[Outgoing], delivery: Delivery) -> None:
        """Take the records that were not sent yet out of the lanes."""
        topics = {outgoing.topic for outgoing in records}
        for name, lane in self._lanes.items():
            if name.topic in topics:
                lane.drop(delivery)

    def _lane(self, producer: AIOKafkaProducer, name: TopicPartition) -> Lane:
        if producer is not self._producer:
            raise BusUnavailable("the producer was replaced")
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(producer, name, self._settings.publish_timeout_s, self._narrow)
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
            max_request_size=_BATCH_BYTES + self._settings.largest_record_bytes,
        )
        try:
            with bus_errors():
                async with asyncio.timeout(self._settings.request_timeout_s):
                    await producer.start()
                    await producer.client.set_topics(self._settings.topics)
        except BaseException:
            await _stop(producer)
            raise
        return producer

    async def _replace(self, producer: AIOKafkaProducer, error: BaseException) -> None:
        """Begin with a new producer id: after such an error the broker refuses all further records of the partition."""
        async with self._replacing:
            if self._producer is not producer:
                return
            _log.error("producer replaced", error=repr(error))
            lanes, self._producer, self._lanes = self._lanes, await self._connect(), {}
            await _stop(producer, lanes.values())


def _message(
    outgoing: Outgoing,
    delivery: Delivery,
    position: int = 0,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
) -> Message:
    topic = _TOPICS.get(outgoing.topic, catalogue.CALLS_DEVICES)
    value = value_of(outgoing, topic.max_record_bytes(max_message_bytes))
    return Message(outgoing.ordering_key.encode(), value, delivery, position)


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
        await producer.client.close()  # ends requests that a frozen broker never answers
