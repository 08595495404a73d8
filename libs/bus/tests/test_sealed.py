"""What may hold a secret is on neither bus as it is, and comes to services as it was."""

from collections.abc import Callable

import pytest
from csms.v1.auth_pb2 import AuthorizationRequest, IdToken, TokenQuestion
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent, StationNotified
from csms.v1.station_pb2 import (
    CallError,
    CallOrder,
    CallOrderVerdict,
    CommandResult,
    Replies,
    Reply,
    StationCall,
    StationCommand,
)
from csms_bus.ports import Incoming, Outgoing, Start
from csms_bus.records import dead_letter, new_record
from csms_bus.sealed import SealedBus
from csms_bus.sealed import sealed as sealed_record
from csms_runtime.sealing import Sealer
from csms_runtime.secret_keys import SecretKeys
from csms_testing.buses import World

CANARY = "canary-correct-horse"
PASSWORD = b'{"variable":{"name":"BasicAuthPassword"},"attributeValue":"canary-correct-horse"}'
KEYS = SecretKeys(b"a key for tests only")

COMMAND = StationCommand(action="SetVariables", payload=PASSWORD)
SECRETS = {
    "station_call": new_record("CS1", station_call=StationCall(action="NotifyReport", payload=PASSWORD)),
    "reply": new_record("CS1", reply=Reply(payload=PASSWORD)),
    "replies": new_record("CS1", replies=Replies(replies=[Reply(payload=b"{}"), Reply(payload=PASSWORD)])),
    "reply_error": new_record("CS1", reply=Reply(error=CallError(details=PASSWORD))),
    "station_command": new_record("CS1", station_command=COMMAND),
    "command_result": new_record("CS1", command_result=CommandResult(command=COMMAND)),
    "command_answer": new_record("CS1", command_result=CommandResult(payload=PASSWORD)),
    "command_error": new_record("CS1", command_result=CommandResult(error=CallError(details=PASSWORD))),
    "call_order": new_record("CS1", call_order=CallOrder(payload=PASSWORD)),
    "call_order_verdict": new_record(
        "CS1", call_order_verdict=CallOrderVerdict(earlier=CommandResult(payload=PASSWORD))
    ),
    "authorization_request": new_record(
        "CS1",
        authorization_request=AuthorizationRequest(
            questions=[TokenQuestion(id_token=IdToken(id_token=CANARY, type="KeyCode"))]
        ),
    ),
}


@pytest.fixture
def sealed(world: World) -> SealedBus:
    return SealedBus(world.bus, Sealer(KEYS))


async def published(world: World, bus: SealedBus, *records: Record) -> tuple[Incoming, Incoming]:
    """The last of some records as it is on the bus below, and as a service reads it."""
    services = await bus.subscribe(f"{world.log}-services", [world.log])
    try:
        async with world.consumer() as below:
            await bus.publish([Outgoing(world.log, each, stored=each.SerializeToString()) for each in records])
            raw, read = await world.take(below, len(records)), await world.take(services, len(records))
    finally:
        await services.close()
    return raw[-1], read[-1]


async def test_what_an_outbox_holds_sealed_is_published_as_it_is(world: World, sealed: SealedBus) -> None:
    record = SECRETS["call_order_verdict"]
    kept = sealed_record(Sealer(KEYS), Outgoing(world.log, record)).record
    assert CANARY.encode() not in kept.SerializeToString()
    raw, read = await published(world, sealed, kept)
    assert (raw.record, read.record) == (kept, record)


@pytest.mark.parametrize("name", SECRETS)
async def test_a_secret_is_sealed_and_read_as_it_was(world: World, sealed: SealedBus, name: str) -> None:
    record = SECRETS[name]
    before = record.SerializeToString()
    raw, read = await published(world, sealed, record)
    assert record.SerializeToString() == before
    assert raw.record is not None
    assert CANARY.encode() not in raw.record.SerializeToString()
    assert raw.record.sealed.kind == record.WhichOneof("body")
    assert (raw.record.station_id, raw.record.record_id) == (record.station_id, record.record_id)
    assert read.record == record
    assert (read.offset, read.key) == (raw.offset, "CS1")


@pytest.mark.parametrize(
    "record",
    [
        new_record("CS1", station_call=StationCall(action="Heartbeat", payload=b"{}")),
        # What others read they must be able to read; it is redacted where it is made.
        new_record("CS1", event=DomainEvent(station_notified=StationNotified(payload=b'{"password":"***"}'))),
    ],
)
async def test_the_rest_is_as_it_was(world: World, sealed: SealedBus, record: Record) -> None:
    raw, read = await published(world, sealed, record)
    assert raw.record == read.record == record


async def test_a_reader_opens_too(world: World, sealed: SealedBus) -> None:
    record = SECRETS["station_command"]
    async with sealed.read(world.log, partition=None, start=Start.END) as reader:
        await sealed.publish([Outgoing(world.log, record)])
        async for batch in reader.batches():
            if batch:
                assert [incoming.record for incoming in batch] == [record]
                return


async def test_a_dead_letter_keeps_what_died_sealed_and_replayable(world: World, sealed: SealedBus) -> None:
    record = SECRETS["station_call"]
    died = Incoming(world.log, 0, 1, "CS1", record, record.SerializeToString())
    letter = dead_letter(died, group="devices", reason="KeyError").record
    raw, _ = await published(world, sealed, letter)
    assert raw.record is not None
    assert CANARY.encode() not in raw.record.SerializeToString()
    again = Record.FromString(raw.record.dead_letter.value)
    assert again.sealed.kind == "station_call"


async def test_what_died_is_opened_when_it_is_replayed(world: World, sealed: SealedBus) -> None:
    raw, _ = await published(world, sealed, SECRETS["station_call"])
    assert raw.record is not None
    _, replayed = await published(world, sealed, raw.record)
    assert replayed.record == SECRETS["station_call"]


def _other_key(_record: Record) -> SealedBus:
    return SealedBus(_NoBus(), Sealer(SecretKeys(b"another key for tests")))  # type: ignore[arg-type]


def _other_station(record: Record) -> SealedBus:
    record.station_id = "CS2"
    return SealedBus(_NoBus(), Sealer(KEYS))  # type: ignore[arg-type]


class _NoBus:
    """Only what is read is looked at."""


@pytest.mark.parametrize("spoil", [_other_key, _other_station])
async def test_what_cannot_be_opened_stays_sealed(
    world: World, sealed: SealedBus, spoil: Callable[[Record], SealedBus]
) -> None:
    raw, _ = await published(world, sealed, SECRETS["call_order"])
    assert raw.record is not None
    moved = Record()
    moved.CopyFrom(raw.record)
    bus = spoil(moved)
    incoming = Incoming(raw.topic, 0, 0, "CS2", moved)
    assert bus._opened(incoming) is incoming


OLD, NEW = b"the key of before", b"the key that is next"


@pytest.mark.parametrize(
    ("sender", "reader"),
    [
        (SecretKeys(OLD), SecretKeys(OLD, (NEW,))),
        (SecretKeys(OLD, (NEW,)), SecretKeys(OLD)),
        (SecretKeys(OLD, (NEW,)), SecretKeys(NEW, (OLD,))),
        (SecretKeys(NEW, (OLD,)), SecretKeys(OLD, (NEW,))),
        (SecretKeys(NEW, (OLD,)), SecretKeys(NEW)),
        (SecretKeys(NEW), SecretKeys(NEW, (OLD,))),
    ],
    ids=["old-first", "first-old", "first-second", "second-first", "second-third", "third-second"],
)
async def test_while_the_key_is_replaced_each_opens_what_the_others_seal(
    world: World, sender: SecretKeys, reader: SecretKeys
) -> None:
    record = SECRETS["station_command"]
    async with world.consumer() as below:
        await SealedBus(world.bus, Sealer(sender)).publish([Outgoing(world.log, record)])
        (raw,) = await world.take(below, 1)
    assert raw.record is not None
    assert raw.record.HasField("sealed")
    assert SealedBus(world.bus, Sealer(reader))._opened(raw).record == record
