"""The consumer runner when what a batch led to is published late, or never."""

import asyncio
from collections.abc import Sequence

import pytest
from csms.v1.station_pb2 import ReplyTo
from csms_bus.ports import BusUnavailable, Incoming, Outgoing, RecordTooLarge
from csms_bus.records import reply_to
from csms_bus.runner import ConsumerRunner, Never
from csms_bus.topics import DEAD_LETTERS, GATEWAY_INBOX
from csms_testing.buses import Failing, Handler, World, number_of, running


class SlowBus:
    """A bus whose publishing waits for `go_on` and then fails once, if `failure` is set; each publish is noted."""

    def __init__(self, world: World, failure: Exception | None = None) -> None:
        self.subscribe = world.bus.subscribe
        self.go_on, self.waiting = asyncio.Event(), asyncio.Event()
        self.failure = failure
        self.published: list[list[str]] = []
        self._bus = world.bus

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.waiting.set()
        await self.go_on.wait()
        if self.failure is not None and any(outgoing.record.reply.correlation_id == "1" for outgoing in records):
            failure, self.failure = self.failure, None
            raise failure
        self.published.append([outgoing.record.reply.correlation_id for outgoing in records])
        await self._bus.publish(records)


@pytest.mark.parametrize("failure", [None, BusUnavailable("down"), RecordTooLarge("x")])
async def test_the_next_batch_is_handled_while_answers_are_published(memory: World, failure: Exception | None) -> None:
    bus, handler = SlowBus(memory, failure), Handler()
    runner = ConsumerRunner(bus, group=memory.group, topics=[memory.log], handler=handler, backoff_s=(0.01, 0.01))  # type: ignore[arg-type]
    async with memory.reading(memory.inbox, 0) as answers, running(runner.run):
        await runner.ready()
        await memory.publish(("CS1", 1))
        await bus.waiting.wait()
        await memory.publish(("CS1", 2))
        await handler.until(lambda: handler.done == [1, 2])
        assert bus.published == []
        bus.go_on.set()
        assert [(await answers.next()).reply.correlation_id for _ in range(2)] == ["1", "2"]
    expected = [1, 2] if failure is None else [1, 2, 1, 2]  # both come again, in order
    assert handler.done == expected
    async with memory.consumer() as consumer:
        await memory.take_none(consumer)


async def test_answers_that_can_never_be_published_hurt_nobody_else(memory: World) -> None:
    async def handle(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        return [await answer(incoming) for incoming in batch]

    async def answer(incoming: Incoming) -> Outgoing:
        payload = b"too large" if number_of(incoming) == 2 else b"{}"
        return reply_to(incoming.record.station_call, payload=payload)  # type: ignore[union-attr]

    class NarrowBus(SlowBus):
        async def publish(self, records: Sequence[Outgoing]) -> None:
            if any(outgoing.record.reply.payload == b"too large" for outgoing in records):
                raise RecordTooLarge("x")
            await self._bus.publish(records)

    bus = NarrowBus(memory)
    runner = ConsumerRunner(bus, group=memory.group, topics=[memory.log], handler=handle, backoff_s=(0.01, 0.01))  # type: ignore[arg-type]
    async with (
        memory.reading(DEAD_LETTERS.name) as dead,
        memory.reading(memory.inbox, 0) as answers,
        running(runner.run),
    ):
        await runner.ready()
        await memory.publish(("CS1", 1), ("CS1", 2), ("CS1", 3))
        assert "never be published" in (await dead.next()).dead_letter.reason
        found = [(await answers.next()).reply for _ in range(3)]
        outcomes = {reply.correlation_id: reply.WhichOneof("outcome") for reply in found}
        assert outcomes == {"1": "payload", "2": "error", "3": "payload"}


class Leaderless(SlowBus):
    """A bus of which the inbox partitions with number 1 cannot be reached."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        bad = {at: BusUnavailable("no leader") for at, one in enumerate(records) if one.partition == 1}
        await self._bus.publish([one for at, one in enumerate(records) if at not in bad])
        if bad:
            raise BusUnavailable("no leader", outcomes=bad)


async def test_dead_letter_whose_station_cannot_be_told_stops_nothing(world: World) -> None:
    handler = Handler(Failing(Never("bad"), 1))
    async with world.reading(DEAD_LETTERS.name) as dead, world.runner(handler):
        await world.bus.publish([world.call("CS1", 1, slot=999), world.call("CS1", 2)])
        assert (await dead.next()).dead_letter.reason == "bad"
        await handler.until(lambda: handler.done == [2])
    async with world.consumer() as consumer:
        await world.take_none(consumer)


async def test_dead_letter_of_an_inbox_that_cannot_be_reached_holds_up_nobody(memory: World) -> None:
    handler = Handler(Failing(Never("bad"), 1))
    runner = ConsumerRunner(Leaderless(memory), group=memory.group, topics=[memory.log], handler=handler)  # type: ignore[arg-type]
    to = ReplyTo(topic=GATEWAY_INBOX.name, partition=1)
    poison = memory.call("CS1", 1)
    poison.record.station_call.reply_to.CopyFrom(to)
    async with memory.reading(DEAD_LETTERS.name) as dead, running(runner.run):
        await runner.ready()
        await memory.bus.publish([poison, memory.call("CS1", 2)])
        assert (await dead.next()).dead_letter.reason == "bad"
        await handler.until(lambda: handler.done == [2])


async def test_dead_letter_that_is_too_large_is_logged_and_passed_over(memory: World) -> None:
    class NoLetters(SlowBus):
        async def publish(self, records: Sequence[Outgoing]) -> None:
            if any(one.topic == DEAD_LETTERS.name for one in records):
                raise RecordTooLarge("x", outcomes={0: RecordTooLarge("x")})
            await self._bus.publish(records)

    handler = Handler(Failing(Never("bad"), 1))
    runner = ConsumerRunner(NoLetters(memory), group=memory.group, topics=[memory.log], handler=handler)  # type: ignore[arg-type]
    async with running(runner.run):
        await runner.ready()
        await memory.publish(("CS1", 1), ("CS1", 2))
        await handler.until(lambda: handler.done == [2])
    async with memory.consumer() as consumer:
        await memory.take_none(consumer)


async def test_inbox_that_cannot_be_reached_holds_up_only_who_waits_there(memory: World) -> None:
    async def handle(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        return [
            Outgoing(GATEWAY_INBOX.name, incoming.record, partition=number_of(incoming))
            for incoming in batch
            if incoming.record is not None
        ]

    async with memory.consumer():
        await memory.publish(("CS1", 1), ("CS2", 2))
    runner = ConsumerRunner(Leaderless(memory), group=memory.group, topics=[memory.log], handler=handle)  # type: ignore[arg-type]
    async with memory.reading(GATEWAY_INBOX.name) as answers, running(runner.run):
        assert (await answers.next()).station_call.correlation_id == "2"
    async with memory.consumer() as consumer:
        await memory.take_none(consumer)
