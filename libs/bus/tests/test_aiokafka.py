"""What is used of aiokafka and is not public: when this fails, look at the uses before the bound is raised."""

import asyncio
import inspect

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.producer.sender import Sender


def test_producers_task_can_be_ended() -> None:
    """`csms_bus.kafka_producer._stop`."""
    assert "self._sender = Sender(" in inspect.getsource(AIOKafkaProducer.__init__)
    assert isinstance(Sender.sender_task, property)
    assert "self._sender_task = create_task(" in inspect.getsource(Sender.start)


def test_consumers_connections_can_be_closed() -> None:
    """`csms_bus.kafka_consumer._stop`."""
    assert "self._client = AIOKafkaClient(" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert asyncio.iscoroutinefunction(AIOKafkaClient.close)
    assert "async with self._get_conn_lock:" in inspect.getsource(AIOKafkaClient._get_conn)
