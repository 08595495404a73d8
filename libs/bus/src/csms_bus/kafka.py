"""The bus on Apache Kafka."""

from collections.abc import Sequence
from typing import Any

from csms_bus.kafka_consumer import KafkaConsumer
from csms_bus.kafka_logging import quieten
from csms_bus.kafka_producer import KafkaPublisher
from csms_bus.kafka_reader import KafkaReader
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import Outgoing, RebalanceListener, Start


class KafkaBus:
    """Implements `csms_bus.ports.Bus`. Topics must exist: `python -m csms_bus.admin` creates them.

    `security` holds aiokafka's arguments about TLS and SASL; `limits` are fields of `KafkaSettings`.
    """

    def __init__(
        self, bootstrap_servers: str, *, client_id: str, security: dict[str, Any] | None = None, **limits: float
    ) -> None:
        self._settings = KafkaSettings(bootstrap_servers, client_id, security or {}, **limits)
        self._publisher = KafkaPublisher(self._settings)

    @property
    def durable(self) -> bool:
        """See `csms_bus.ports.Bus`."""
        return True

    async def start(self) -> None:
        """See `csms_bus.ports.Bus`."""
        quieten()
        await self._publisher.start()

    async def stop(self) -> None:
        """See `csms_bus.ports.Bus`. Waits a few seconds at most for what is not acknowledged yet."""
        await self._publisher.stop()

    def partitions(self, topic: str) -> int:
        """See `csms_bus.ports.Bus`. Raises KeyError when the topic does not exist, BusUnavailable before `start`."""
        return self._publisher.partitions(topic)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See `csms_bus.ports.Bus`. Raises IndexError for a partition the topic does not have."""
        if records:
            await self._publisher.publish(records)

    async def subscribe(
        self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None
    ) -> KafkaConsumer:
        """See `csms_bus.ports.Bus`. Returns when partitions were assigned. Raises BusUnavailable."""
        consumer = KafkaConsumer(self._settings, group, topics, listener)
        await consumer.join()
        return consumer

    def read(self, topic: str, *, partition: int | None, start: Start) -> KafkaReader:
        """See `csms_bus.ports.Bus`."""
        return KafkaReader(self._settings, topic, partition, start)
