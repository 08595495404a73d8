"""A bus with topics of its own, and what tests do with it: the same on Kafka and in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import ReplyTo, StationCall
from csms_bus import topics
from csms_bus.ports import Bus, Consumer, Incoming, Outgoing, RebalanceListener, Start, TopicPartition
from csms_bus.records import new_record, reply_to
from csms_bus.runner import BatchHandler, ConsumerRunner

DEADLINE_S = 30.0


@dataclass
class World:
    """A bus with topics of its own."""

    bus: Bus
    log: str
    """Three partitions, keyed by station."""
    table: str
    """Compacted, three partitions."""
    inbox: str
    """Four slots."""
    group: str

    def call(self, station_id: str, number: int = 0, *, slot: int = 0) -> Outgoing:
        """A station's CALL; `number` names it."""
        call = StationCall(
            correlation_id=str(number),
            reply_to=ReplyTo(topic=self.inbox, partition=slot),
            protocol="ocpp2.0.1",
            action="StatusNotification",
        )
        return Outgoing(self.log, new_record(station_id, station_call=call))

    async def publish(self, *numbered: tuple[str, int]) -> None:
        """Publish CALLs of stations."""
        await self.bus.publish([self.call(station_id, number) for station_id, number in numbered])

    async def take(self, consumer: Consumer, count: int) -> list[Incoming]:
        """Poll until `count` records came."""
        taken: list[Incoming] = []
        async with asyncio.timeout(DEADLINE_S):
            while len(taken) < count:
                taken += await consumer.poll(max_records=count - len(taken), timeout_s=1)
        return taken

    async def take_none(self, consumer: Consumer) -> None:
        """Make sure nothing comes: a record of a station of its own, published now, is the next of its partition."""
        await self.publish(*((f"last-{number}", -1) for number in range(12)))
        taken = await self.take(consumer, 12)
        numbers = [number_of(incoming) for incoming in taken]
        if numbers != [-1] * 12:
            raise AssertionError(f"records that should not have come: {numbers}")

    @asynccontextmanager
    async def consumer(
        self, group: str | None = None, listener: RebalanceListener | None = None
    ) -> AsyncIterator[Consumer]:
        """A member of a group that reads the log."""
        consumer = await self.bus.subscribe(group or self.group, [self.log], listener)
        try:
            yield consumer
        finally:
            await consumer.close()

    @asynccontextmanager
    async def runner(self, handler: BatchHandler, **options: object) -> AsyncIterator[ConsumerRunner]:
        """A runner that reads the log."""
        settings: dict[str, Any] = {"group": self.group, "attempt_pause_s": 0.001, "backoff_s": (0.01, 0.05), **options}
        runner = ConsumerRunner(self.bus, topics=[self.log], handler=handler, **settings)
        async with running(runner.run):
            async with asyncio.timeout(DEADLINE_S):
                await runner.ready()
            yield runner

    @asynccontextmanager
    async def reading(self, topic: str, partition: int | None = None) -> AsyncIterator["Readings"]:
        """Everything published on a topic from now on."""
        async with self.bus.read(topic, partition=partition, start=Start.END) as reader:
            readings = Readings()
            task = asyncio.create_task(readings.collect(reader.batches()))
            try:
                yield readings
            finally:
                task.cancel()
                await asyncio.wait({task})


class Readings:
    """Records as they come."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Incoming] = asyncio.Queue()

    @property
    def count(self) -> int:
        """How many have come that were not taken."""
        return self._queue.qsize()

    async def collect(self, batches: AsyncIterator[Sequence[Incoming]]) -> None:
        """Read for ever."""
        async for batch in batches:
            for incoming in batch:
                self._queue.put_nowait(incoming)

    async def next(self) -> Record:
        """The next record."""
        async with asyncio.timeout(DEADLINE_S):
            record = (await self._queue.get()).record
        if record is None:
            raise AssertionError("a tombstone or an undecodable record")
        return record


@asynccontextmanager
async def running(run: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Event]:
    """Run something until the block ends; its error is raised there."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(run(stop))
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await task


def number_of(incoming: Incoming) -> int:
    """The number a CALL was published with."""
    if incoming.record is None:
        raise AssertionError(f"not a record: {incoming}")
    return int(incoming.record.station_call.correlation_id)


def after(records: Sequence[Incoming]) -> dict[TopicPartition, int]:
    """The offsets to commit when all these records are done."""
    return {TopicPartition(incoming.topic, incoming.partition): incoming.offset + 1 for incoming in records}


def own_topics(name: str) -> list[topics.Topic]:
    """The topics of the world of this name."""
    return [
        replace(topics.CALLS_DEVICES, name=f"{name}.log", partitions=3),
        replace(topics.API_KEYS, name=f"{name}.table", partitions=3),
        replace(topics.GATEWAY_INBOX, name=f"{name}.inbox", partitions=4),
    ]


@asynccontextmanager
async def world_of(bus: Bus, name: str) -> AsyncIterator[World]:
    """Start a bus that has `own_topics(name)`, and stop it in the end."""
    await bus.start()
    try:
        yield World(bus, f"{name}.log", f"{name}.table", f"{name}.inbox", name)
    finally:
        await bus.stop()


class Handler:
    """Answers each CALL with its number; `fails` may raise for a record. Remembers what it was given."""

    def __init__(self, fails: Callable[[int], None] = lambda _number: None) -> None:
        self.fails = fails
        self.batches: list[list[int]] = []
        self.done: list[int] = []
        self.changed = asyncio.Condition()

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch."""
        numbers = [number_of(incoming) for incoming in batch]
        self.batches.append(numbers)
        try:
            for number in numbers:
                self.fails(number)
            self.done += numbers
        finally:
            async with self.changed:
                self.changed.notify_all()
        return [reply_to(incoming.record.station_call, payload=b"{}") for incoming in batch if incoming.record]

    async def until(self, satisfied: Callable[[], bool]) -> None:
        """Wait until something holds, which is looked at after each batch."""
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(satisfied)


class Failing:
    """Raises for some numbers, at most so many times in all."""

    def __init__(self, error: Exception, *numbers: int, times: int = 1_000_000) -> None:
        self.error = error
        self.numbers = numbers
        self.times = times

    def __call__(self, number: int) -> None:
        """Raise, if it is one of the numbers and its times are not over."""
        if number in self.numbers and self.times > 0:
            self.times -= 1
            raise self.error
