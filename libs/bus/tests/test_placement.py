"""What a record may be and where its answer may go, by the topic it was read from."""

import asyncio
from collections.abc import Sequence

import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import Reply, ReplyTo, StationCall
from csms_bus.examples import example
from csms_bus.inbox import Inbox
from csms_bus.placement import ANSWERS, misplacement
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import dead_letter, new_record
from csms_bus.runner import ConsumerRunner
from csms_bus.topics import CALLS_DEVICES, CATALOGUE, DEAD_LETTERS, GATEWAY_INBOX
from csms_testing.buses import DEADLINE_S, World, running

PLACES = [(topic.name, body) for topic in CATALOGUE for body in topic.bodies]
BODIES = sorted({body for _, body in PLACES})


def anywhere(body: str) -> Record:
    return next(example(topic, body) for topic, named in PLACES if named == body)


@pytest.mark.parametrize(("topic", "body"), PLACES)
def test_examples_of_the_catalogue_are_in_their_place(topic: str, body: str) -> None:
    assert misplacement(topic, example(topic, body)) == ""


@pytest.mark.parametrize("topic", CATALOGUE, ids=lambda topic: topic.name)
def test_nothing_else_is(topic: object) -> None:
    name, carried = topic.name, topic.bodies  # type: ignore[attr-defined]
    misplaced = {body for body in BODIES if misplacement(name, anywhere(body))}
    assert misplaced == set(BODIES) - set(carried)


@pytest.mark.parametrize("station_id", ["a\0b", "\0"])
def test_a_station_that_no_database_can_hold_is_in_no_place(station_id: str) -> None:
    for topic, body in PLACES:
        record = example(topic, body)
        record.station_id = station_id
        assert misplacement(topic, record), (topic, body)
    letter = dead_letter(Incoming(CALLS_DEVICES.name, 0, 0, station_id, record), group="g", reason="r")
    assert misplacement(DEAD_LETTERS.name, letter.record) == ""


@pytest.mark.parametrize("station_id", ["", " CS1", "CS1 ", "x" * 49, "a/b", "..", "\x1b[2J", "\u202e", "\ufffd"])
@pytest.mark.parametrize("topic", ["ocpp.calls.devices", "ocpp.calls.auth", "ocpp.calls.transactions"])
def test_a_station_that_no_gateway_lets_in_is_in_no_place_of_theirs(topic: str, station_id: str) -> None:
    record = example(topic, "station_call")
    record.station_id = station_id
    assert "identity" in misplacement(topic, record)


@pytest.mark.parametrize(("body", "answer"), ANSWERS.items())
@pytest.mark.parametrize("to", [topic.name for topic in CATALOGUE] + ["no-such-topic"])
def test_answers_go_to_inboxes_that_take_them(body: str, answer: str, to: str) -> None:
    topic = next(topic for topic, named in PLACES if named == body)
    record = example(topic, body)
    asking = record.command_result.command if body == "command_result" else getattr(record, body)
    asking.reply_to.topic = to
    takes = {topic.name for topic in CATALOGUE if topic.name.endswith(".inbox") and answer in topic.bodies}
    assert (misplacement(topic, record) == "") == (to in takes)


def test_who_must_be_answered_says_where() -> None:
    record = example(CALLS_DEVICES.name, "station_call")
    record.station_call.ClearField("reply_to")
    assert "does not say where" in misplacement(CALLS_DEVICES.name, record)
    record.station_call.no_reply = True
    assert misplacement(CALLS_DEVICES.name, record) == ""


def test_a_body_that_this_version_does_not_know_is_judged_elsewhere() -> None:
    assert misplacement(CALLS_DEVICES.name, Record(station_id="CS1")) == ""


def _call(station_id: str, reply_to: str) -> Outgoing:
    call = StationCall(reply_to=ReplyTo(topic=reply_to, partition=0))
    return Outgoing(CALLS_DEVICES.name, new_record(station_id, station_call=call))


async def test_misplaced_records_are_set_aside_unseen_and_unanswered(world: World) -> None:
    """A gateway that was taken over cannot order, and has no other service write for it."""
    given: asyncio.Queue[str] = asyncio.Queue()
    station_id = world.group

    async def handle(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        bodies = [incoming.record.WhichOneof("body") or "" for incoming in batch if incoming.record is not None]
        for incoming, body in zip(batch, bodies, strict=True):
            if incoming.key == station_id:
                given.put_nowait(body)
        return ()

    runner = ConsumerRunner(world.bus, group=world.group, topics=[CALLS_DEVICES.name], handler=handle)
    order, admission = example("devices.orders", "call_order"), example("auth.admissions", "station_admission")
    order.station_id = station_id
    letters, admissions = world.reading(DEAD_LETTERS.name), world.reading("auth.admissions", 0)
    async with letters as dead, admissions as written, running(runner.run):
        async with asyncio.timeout(DEADLINE_S):
            await runner.ready()
        await world.bus.publish([Outgoing(CALLS_DEVICES.name, order), _call(station_id, "auth.admissions")])
        reasons: list[str] = []
        while len(reasons) < 2:
            letter = await dead.next()
            reasons += [letter.dead_letter.reason] if letter.station_id == station_id else []
        await world.bus.publish([_call(station_id, GATEWAY_INBOX.name)])
        async with asyncio.timeout(DEADLINE_S):
            assert await given.get() == "station_call"
        await world.bus.publish([Outgoing("auth.admissions", admission, partition=0)])
        assert (await written.next()).record_id == admission.record_id
    assert given.empty()
    assert reasons == [
        "ocpp.calls.devices carries no call_order",
        "the answer to a station_call does not go to auth.admissions",
    ]


async def test_misplaced_records_of_many_stations_stop_nobody(memory: World) -> None:
    given: asyncio.Queue[str] = asyncio.Queue()

    async def handle(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        for incoming in batch:
            given.put_nowait(incoming.key)
        return ()

    orders = [Outgoing(CALLS_DEVICES.name, example("devices.orders", "call_order"), partition=0) for _ in range(100)]
    for number, order in enumerate(orders):
        order.record.station_id = f"CS{number}"
    last = _call("last", GATEWAY_INBOX.name)
    last.partition = 0
    runner = ConsumerRunner(
        memory.bus, group=memory.group, topics=[CALLS_DEVICES.name], handler=handle, max_dead_letters=3
    )
    async with running(runner.run), asyncio.timeout(DEADLINE_S):
        await runner.ready()
        await memory.bus.publish([*orders, last])
        assert await given.get() == "last"


async def test_an_inbox_takes_only_what_belongs_there(world: World) -> None:
    read: asyncio.Queue[Record] = asyncio.Queue()
    inbox = Inbox(world.bus, GATEWAY_INBOX.name, 30, read.put_nowait)
    async with running(inbox.run):
        await inbox.ready()
        for record in (example("auth.admissions", "station_admission"), new_record("", reply=Reply())):
            await world.bus.publish([Outgoing(GATEWAY_INBOX.name, record, partition=30)])
        async with asyncio.timeout(DEADLINE_S):
            assert (await read.get()).WhichOneof("body") == "reply"
