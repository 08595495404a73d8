"""Questions and answers over either bus, through the inbox of the one who asks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from csms.v1.auth_pb2 import ConnectionDecision, StationAdmissionResult
from csms.v1.station_pb2 import CommandResult, Reply, ReplyTo, StationCall, StationCommand
from csms_bus.inbox import Inbox
from csms_bus.ports import BusUnavailable, Incoming, Outgoing
from csms_bus.records import new_record, reply_to
from csms_bus.requests import NoAnswer, Requester, correlation_id_of
from csms_runtime import metrics
from csms_testing.buses import DEADLINE_S, World, running


@asynccontextmanager
async def asking(world: World, slot: int = 0, *, max_open: int = 100) -> AsyncIterator[Requester]:
    requester = Requester(world.bus, ReplyTo(topic=world.inbox, partition=slot), max_open=max_open)
    inbox = Inbox(world.bus, world.inbox, slot, requester.deliver)
    async with running(inbox.run):
        async with asyncio.timeout(DEADLINE_S):
            await inbox.ready()
        yield requester


async def answer(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
    calls = [incoming.record.station_call for incoming in batch if incoming.record]
    return [reply_to(call, payload=call.payload) for call in calls]


def question(world: World, requester: Requester, payload: bytes) -> tuple[Outgoing, str]:
    correlation_id = requester.new_correlation_id()
    call = StationCall(reply_to=requester.reply_to, correlation_id=correlation_id, payload=payload)
    return Outgoing(world.log, new_record("CS1", station_call=call)), correlation_id


async def test_questions_get_their_own_answers(world: World) -> None:
    async with asking(world, 0) as one, asking(world, 1) as other, world.runner(answer):

        async def ask(requester: Requester, payload: bytes) -> bytes:
            record = await requester.ask(*question(world, requester, payload), DEADLINE_S)
            return record.reply.payload

        payloads = [str(number).encode() for number in range(40)]
        asked = [ask(one if number % 2 else other, payload) for number, payload in enumerate(payloads)]
        assert await asyncio.gather(*asked) == payloads
        assert (one.open, other.open) == (0, 0)


async def test_inbox_begins_at_its_end(world: World) -> None:
    await world.bus.publish([Outgoing(world.inbox, new_record("", reply=Reply(correlation_id="old")), partition=0)])
    read: asyncio.Queue[str] = asyncio.Queue()
    inbox = Inbox(world.bus, world.inbox, 0, lambda record: read.put_nowait(record.reply.correlation_id))
    async with running(inbox.run):
        async with asyncio.timeout(DEADLINE_S):
            await inbox.ready()
            await world.bus.publish(
                [Outgoing(world.inbox, new_record("", reply=Reply(correlation_id="new")), partition=0)]
            )
            assert await read.get() == "new"


async def test_without_an_answer_the_question_ends_at_its_deadline(memory: World) -> None:
    async with asking(memory) as requester:
        with pytest.raises(NoAnswer, match=r"0\.01 s"):
            await requester.ask(*question(memory, requester, b""), 0.01)
        assert requester.open == 0


async def test_late_answer_is_counted_and_dropped(memory: World) -> None:
    before = metrics.REQUESTS_LATE_ANSWERS._value.get()
    async with asking(memory) as requester:
        assert not requester.deliver(new_record("", reply=Reply(correlation_id="long gone")))
    assert metrics.REQUESTS_LATE_ANSWERS._value.get() == before + 1


async def test_second_answer_to_the_same_question_is_dropped(memory: World) -> None:
    async with asking(memory) as requester:
        answered = requester.expect("a")
        assert requester.deliver(new_record("", reply=Reply(correlation_id="a", payload=b"1")))
        assert not requester.deliver(new_record("", reply=Reply(correlation_id="a", payload=b"2")))
        assert (await answered).reply.payload == b"1"
        requester.forget("a")


async def test_too_many_open_questions_are_refused(memory: World) -> None:
    async with asking(memory, max_open=1) as requester:
        requester.expect("a")
        with pytest.raises(NoAnswer, match="1 questions"):
            await requester.ask(*question(memory, requester, b""), DEADLINE_S)
        requester.forget("a")
        requester.expect("b")
        requester.forget("b")


async def test_question_that_cannot_be_published_raises(memory: World) -> None:
    async with asking(memory) as requester:
        await memory.bus.stop()
        with pytest.raises(BusUnavailable):
            await requester.ask(*question(memory, requester, b""), DEADLINE_S)
        assert requester.open == 0


async def test_cancelled_question_is_forgotten(memory: World) -> None:
    async with asking(memory) as requester:
        task = asyncio.create_task(requester.ask(*question(memory, requester, b""), DEADLINE_S))
        await asyncio.sleep(0)
        assert requester.open == 1
        task.cancel()
        await asyncio.wait({task})
        assert requester.open == 0


async def test_record_that_fails_does_not_cost_the_inbox(memory: World) -> None:
    read: asyncio.Queue[str] = asyncio.Queue()

    def take(record) -> None:
        if record.reply.correlation_id == "bad":
            raise ValueError(record.reply.correlation_id)
        read.put_nowait(record.reply.correlation_id)

    inbox = Inbox(memory.bus, memory.inbox, 0, take)
    async with running(inbox.run):
        await inbox.ready()
        for name in ("bad", "good"):
            record = new_record("", reply=Reply(correlation_id=name))
            await memory.bus.publish([Outgoing(memory.inbox, record, partition=0)])
        async with asyncio.timeout(DEADLINE_S):
            assert await read.get() == "good"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (new_record("", reply=Reply(correlation_id="a")), "a"),
        (new_record("", connection_decision=ConnectionDecision(correlation_id="b")), "b"),
        (new_record("", station_admission_result=StationAdmissionResult(correlation_id="c")), "c"),
        (new_record("", command_result=CommandResult(command=StationCommand(correlation_id="d"))), "d"),
        (new_record("", station_call=StationCall(correlation_id="e")), "e"),
    ],
)
def test_correlation_id_of_each_kind_of_answer(record, expected: str) -> None:
    assert correlation_id_of(record) == expected
