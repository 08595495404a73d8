"""Publishing to Kafka: idempotent, acknowledged by all in-sync replicas, in order per partition."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from csms_runtime import metrics

from csms_bus import topics as catalogue
from csms_bus.kafka_errors import as_bus_error, bus_errors, is_retriable
from csms_bus.kafka_records import hash_of, key_of
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.line import Line
from csms_bus.ports import BusError, BusUnavailable, Outgoing, RecordTooLarge, TopicPartition

_log = structlog.get_logger(__name__)

_MAX_BYTES = {topic.name: topic.max_record_bytes for topic in catalogue.CATALOGUE}
_BATCH_BYTES = 512 * 1024
_STOP_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 1.0

Delivery = asyncio.Future[object]
_Message = tuple[bytes, bytes | None]
"""Key and value."""


class KafkaPublisher:
    """One producer, replaced when it is beyond repair.

    Memory is bounded: a partition takes one batch of at most 512 KiB while another is under way, then publishers wait.
    What was not acknowledged in time may still be written when the broker is back.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._lines: defaultdict[TopicPartition, Line] = defaultdict(Line)
        """Publishers of a partition go one after the other, in the order they came."""
        self._replacing = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises BusUnavailable."""
        self._producer = await self._connect()

    async def stop(self) -> None:
        """Send what is still waiting, for at most a few seconds, and disconnect."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await _stop(producer)

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
        for outgoing in records:
            metrics.BUS_PUBLISHED.labels(outgoing.topic).inc()

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        producer = self._connected()
        deadline = asyncio.get_running_loop().time() + self._settings.publish_timeout_s
        deliveries: list[Delivery] = []
        error: BaseException | None = None
        try:
            async with asyncio.timeout_at(deadline):
                await self._send(producer, records, deliveries)
        except (KafkaError, OSError, TimeoutError) as failure:
            error = failure
        error = await self._outcome(deliveries, deadline) or error
        if error is None:
            return
        if isinstance(error, KafkaError) and not is_retriable(error):
            await self._replace(producer, error)
        raise (error if isinstance(error, BusError) else as_bus_error(error)) from error

    async def _send(self, producer: AIOKafkaProducer, records: Sequence[Outgoing], deliveries: list[Delivery]) -> None:
        """Hand records to the producer; what it took is added to `deliveries`. Waits while a buffer is full."""
        for topic in {outgoing.topic for outgoing in records}:
            await producer.partitions_for(topic)
        groups: defaultdict[TopicPartition, list[_Message]] = defaultdict(list)
        for outgoing in records:
            groups[_partition(producer, outgoing)].append(_message(outgoing))
        # All take their place in line before anything waits, so that what is published later also comes later.
        sending = [
            self._lines[name].wait_and_run(_send_all(producer, name, group, deliveries))
            for name, group in groups.items()
        ]
        if len(sending) == 1:
            await sending[0]
        else:
            await asyncio.gather(*sending)

    async def _outcome(self, deliveries: Iterable[Delivery], deadline: float) -> BaseException | None:
        """Wait for the acknowledgements. Returns what went wrong first, or None."""
        waiting = [delivery for delivery in deliveries if not delivery.done()]
        if waiting:
            timeout = max(0.0, deadline - asyncio.get_running_loop().time())
            _, late = await asyncio.wait(waiting, timeout=timeout)
            for delivery in late:
                delivery.add_done_callback(_look_at)  # nobody else will
            if late:
                return BusUnavailable(f"not acknowledged within {self._settings.publish_timeout_s:g} s")
        return next((error for error in map(_look_at, deliveries) if error is not None), None)

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
            self._producer = await self._connect()
            await _stop(producer)


def _partition(producer: AIOKafkaProducer, outgoing: Outgoing) -> TopicPartition:
    partitions = producer.client.cluster.partitions_for_topic(outgoing.topic)
    number = hash_of(key_of(outgoing)) % len(partitions) if outgoing.partition is None else outgoing.partition
    if number not in partitions:
        raise IndexError(f"{outgoing.topic} has no partition {number}")
    return TopicPartition(outgoing.topic, number)


def _message(outgoing: Outgoing) -> _Message:
    value = None if outgoing.tombstone else outgoing.record.SerializeToString()
    limit = _MAX_BYTES.get(outgoing.topic, catalogue.MAX_RECORD_BYTES)
    if value is not None and len(value) > limit:
        raise RecordTooLarge(f"{len(value)} bytes for {outgoing.topic}, which takes at most {limit}")
    return key_of(outgoing).encode(), value


async def _send_all(
    producer: AIOKafkaProducer, name: TopicPartition, messages: Sequence[_Message], deliveries: list[Delivery]
) -> None:
    for key, value in messages:
        deliveries.append(await producer.send(name.topic, value, key=key, partition=name.partition))


def _look_at(delivery: Delivery) -> BaseException | None:
    """Return a delivery's error. Also marks it as seen, lest asyncio reports it."""
    return delivery.exception() if delivery.done() and not delivery.cancelled() else None


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await producer.flush()
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
