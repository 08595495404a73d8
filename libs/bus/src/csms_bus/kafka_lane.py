"""Sends to one partition. Records that come while a batch is under way go with the next one, in their order."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from csms_bus.delivery import Delivery
from csms_bus.kafka_errors import as_bus_error, is_retriable
from csms_bus.ports import BusError, BusUnavailable, NotAuthorized, RecordTooLarge, TopicPartition

DOUBT_S = 0.5
"""Seconds that a publisher waits for a partition that did not acknowledge the batch before."""


class Message(NamedTuple):
    """A record on its way."""

    key: bytes
    value: bytes | None
    delivery: Delivery
    position: int
    """The position of the record in its delivery."""


class Lane:
    """Sends what is `put`, one batch at a time. A batch costs one future and one task, however many records it has.

    When a batch is not acknowledged for longer than `patience_s`, as without a leader, further records are refused at
    once: they do not wait behind it. aiokafka goes on trying with that batch, so it notices when the partition is back.
    Until something is acknowledged again, nobody waits longer than `DOUBT_S`: a caller that publishes for many stations
    would wait for that partition again and again, and all stations with it.
    """

    def __init__(
        self, producer: AIOKafkaProducer, name: TopicPartition, patience_s: float, narrow: set[TopicPartition]
    ) -> None:
        """`narrow`: partitions whose brokers take no batch of several records of allowed sizes. The lane adds to it."""
        self._producer = producer
        self._name = name
        self._patience_s = patience_s
        self._narrow = narrow
        self._waiting: deque[Message] = deque()
        self._sent_at = 0.0
        self._doubtful = False
        """Whether the last batch was not acknowledged."""
        self.task: asyncio.Task[None] | None = None
        """Set while something is under way."""

    def put(self, message: Message) -> None:
        """Put a message into the next place. Its delivery gets the outcome."""
        loop = asyncio.get_running_loop()
        if self.task is None:
            self._sent_at = loop.time()
            self.task = loop.create_task(self._work())
        elif loop.time() - self._sent_at > (DOUBT_S if self._doubtful else self._patience_s):
            self._doubtful = True
            message.delivery.settle(message.position, self._silence())
            return
        self._waiting.append(message)

    def drop(self, delivery: Delivery) -> None:
        """Take out the messages of a delivery that was given up, if they were not sent yet."""
        self._waiting = deque(message for message in self._waiting if message.delivery is not delivery)

    async def _work(self) -> None:
        try:
            while self._waiting:
                self._sent_at = asyncio.get_running_loop().time()
                await self._send()
        finally:
            self.task = None

    async def _send(self) -> None:
        batch, messages = self._next_batch()
        topic, partition = self._name
        doubt = asyncio.get_running_loop().call_later(DOUBT_S, self._give_up, messages) if self._doubtful else None
        try:
            await (await self._producer.send_batch(batch, topic, partition=partition))
        except asyncio.CancelledError:
            _settle([*messages, *self._waiting], BusUnavailable("the bus was stopped"))
            self._waiting.clear()
            raise
        except Exception as error:  # noqa: BLE001 whoever published is told
            self._doubtful = isinstance(as_bus_error(error), BusUnavailable)
            found = self._bus_error(error, len(messages))
            _settle(messages, found, None if is_retriable(error) or isinstance(found, NotAuthorized) else error)
        else:
            self._doubtful = False
            _settle(messages, None)
        finally:
            if doubt is not None:
                doubt.cancel()

    def _give_up(self, sent: Sequence[Message]) -> None:
        """Let nobody wait any longer. What was sent may still be written."""
        _settle([*sent, *self._waiting], self._silence())
        self._waiting.clear()

    def _silence(self) -> BusUnavailable:
        topic, partition = self._name
        return BusUnavailable(f"{topic} {partition} does not acknowledge")

    def _bus_error(self, error: Exception, records: int) -> BusError:
        found = as_bus_error(error)
        if isinstance(found, RecordTooLarge) and records > 1:
            self._narrow.add(self._name)
            return BusUnavailable("the broker refused a batch for its size; from now on records go one by one")
        return found

    def _next_batch(self) -> tuple[BatchBuilder, list[Message]]:
        batch: BatchBuilder = self._producer.create_batch()
        messages: list[Message] = []
        while self._waiting and not (messages and self._name in self._narrow):
            message = self._waiting[0]
            if batch.append(timestamp=None, key=message.key, value=message.value) is None:  # it is full
                break
            messages.append(self._waiting.popleft())
        return batch, messages


def _settle(messages: Iterable[Message], error: BusError | None, fatal: BaseException | None = None) -> None:
    for message in messages:
        if fatal is not None:
            message.delivery.fatal = fatal
        message.delivery.settle(message.position, error)
