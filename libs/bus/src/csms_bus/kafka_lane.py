"""The way to one partition: what comes while a batch is under way goes with the next one, in the order it came."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from csms_bus.ports import BusUnavailable, TopicPartition


class Delivery:
    """The records of one call of `publish`. `done` is set when all are acknowledged, or has the first error."""

    __slots__ = ("_left", "done")

    def __init__(self, records: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = records

    def acknowledged(self) -> None:
        """Count one record."""
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: BaseException) -> None:
        """Give up: a record was refused, or nobody knows what became of it."""
        if not self.done.done():
            self.done.set_exception(error)


class Message(NamedTuple):
    """A record on its way."""

    key: bytes
    value: bytes | None
    delivery: Delivery


class Lane:
    """Sends what is `put`, one batch at a time. A batch costs one future and one task, however many records it has."""

    def __init__(self, producer: AIOKafkaProducer, name: TopicPartition) -> None:
        self._producer = producer
        self._name = name
        self._waiting: deque[Message] = deque()
        self.task: asyncio.Task[None] | None = None
        """Set while something is under way."""

    def put(self, message: Message) -> None:
        """Take the next place. The message's delivery is told what becomes of it."""
        self._waiting.append(message)
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._work())

    def drop(self, delivery: Delivery) -> None:
        """Take out what was not sent yet of a delivery that was given up."""
        self._waiting = deque(message for message in self._waiting if message.delivery is not delivery)

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._send()
        finally:
            self.task = None

    async def _send(self) -> None:
        batch, messages = self._next_batch()
        topic, partition = self._name
        try:
            await (await self._producer.send_batch(batch, topic, partition=partition))
        except asyncio.CancelledError:
            _fail([*messages, *self._waiting], BusUnavailable("the bus was stopped"))
            self._waiting.clear()
            raise
        except Exception as error:  # noqa: BLE001 whoever published is told
            _fail(messages, error)
        else:
            for message in messages:
                message.delivery.acknowledged()

    def _next_batch(self) -> tuple[BatchBuilder, list[Message]]:
        batch: BatchBuilder = self._producer.create_batch()
        messages: list[Message] = []
        while self._waiting:
            message = self._waiting[0]
            if batch.append(timestamp=None, key=message.key, value=message.value) is None:  # it is full
                break
            messages.append(self._waiting.popleft())
        return batch, messages


def _fail(messages: Iterable[Message], error: BaseException) -> None:
    for message in messages:
        message.delivery.failed(error)
