"""The bus on Apache Kafka."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

from csms_runtime.health import Health
from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES, RuntimeSettings

from csms_bus import kafka_security, kafka_topics
from csms_bus.kafka_consumer import KafkaConsumer
from csms_bus.kafka_logging import quieten
from csms_bus.kafka_producer import KafkaPublisher
from csms_bus.kafka_reader import KafkaReader
from csms_bus.kafka_rights import OnHealth
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.kafka_topics import Told
from csms_bus.ports import Outgoing, RebalanceListener, Settled, Start
from csms_bus.topics import CATALOGUE


class KafkaBus:
    """Implements `csms_bus.ports.Bus`. Topics must exist: `python -m csms_bus.admin` creates them. `wait` waits for it.

    `security` has aiokafka's arguments for TLS and SASL. `limits` are fields of `KafkaSettings`. Only the topics of
    `service` are looked at; None: all topics.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        client_id: str,
        security: dict[str, Any] | None = None,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        service: str | None = None,
        on_health: OnHealth | None = None,
        **limits: float,
    ) -> None:
        topics = [topic.name for topic in CATALOGUE if service in {None, *topic.producers, *topic.consumers}]
        self._settings = KafkaSettings(
            bootstrap_servers, client_id, security or {}, max_message_bytes, topics, **limits
        )
        self._publisher = KafkaPublisher(self._settings, on_health)

    @classmethod
    def configured(cls, settings: RuntimeSettings, service: str, health: Health, **limits: float) -> Self:
        """Return the bus that a service's settings describe. Raises ValueError for files that can't be used.

        `health` shows when Kafka's ACLs do not let the service write what it must.
        """
        return cls(
            settings.kafka_bootstrap_servers,
            client_id=f"csms-{service}-{settings.slot}",
            security=kafka_security.arguments(settings),
            max_message_bytes=settings.max_message_bytes,
            service=service,
            on_health=partial(health.set, "kafka-acls"),
            metadata_age_s=settings.kafka_metadata_max_age_s,
            **limits,
        )

    async def wait(self, service: str, slot: int, tell: Told, stop: asyncio.Event) -> None:
        """Wait until the topics are as the service needs them. Call it before `start`. See `kafka_topics.wait`."""
        quieten()
        await kafka_topics.wait(self._settings, service, slot, tell, stop)

    @property
    def durable(self) -> bool:
        """See `csms_bus.ports.Bus`."""
        return True

    async def start(self) -> None:
        """See `csms_bus.ports.Bus`."""
        quieten()
        await self._publisher.start()

    async def stop(self) -> None:
        """See `csms_bus.ports.Bus`. Waits a few seconds at most for records that are not acknowledged yet."""
        await self._publisher.stop()

    def partitions(self, topic: str) -> int:
        """See `csms_bus.ports.Bus`. Raises KeyError when the topic does not exist, BusUnavailable before `start`."""
        return self._publisher.partitions(topic)

    async def ping(self) -> None:
        """Ask the brokers for a sign of life. Raises BusUnavailable."""
        await self._publisher.ping()

    async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
        """See `csms_bus.ports.Bus`."""
        if records:
            await self._publisher.publish(records, settled)

    async def subscribe(
        self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None
    ) -> KafkaConsumer:
        """See `csms_bus.ports.Bus`. Returns when partitions were assigned. Raises BusUnavailable."""
        consumer = KafkaConsumer(self._settings, group, topics, listener)
        await consumer.join()
        return consumer

    def read(self, topic: str, *, partition: int | None, start: Start) -> KafkaReader:
        """See `csms_bus.ports.Bus`."""
        return KafkaReader(self._settings, self._publisher.partitions_of, topic, partition, start)
