"""What of an outbox's records is worth another try, and what is not."""

from collections.abc import Sequence

from csms.v1.bus_pb2 import Record
from csms_bus.outbox import publisher
from csms_bus.ports import BusUnavailable, Outgoing
from csms_bus.topics import EVENTS_DEVICES, GATEWAY_INBOX
from csms_db.outbox import OutboxRecord
from csms_testing.buses import World, number_of


def stored(world: World, number: int, **fields: object) -> OutboxRecord:
    record = world.call("CS1", number).record
    values = {"topic": world.log, "key": "CS1", "partition": None, "value": record.SerializeToString(), **fields}
    return OutboxRecord(**values)  # type: ignore[arg-type]


async def test_each_record_has_its_own_outcome_on_either_bus(world: World) -> None:
    large = Record(station_id="x" * (EVENTS_DEVICES.max_record_bytes() + 1)).SerializeToString()
    async with world.consumer() as consumer:
        failures = await publisher(world.bus)(
            [
                stored(world, 1),
                stored(world, 2, topic=GATEWAY_INBOX.name, partition=GATEWAY_INBOX.partitions),
                stored(world, 3, topic=EVENTS_DEVICES.name, value=large),
                stored(world, 4),
            ]
        )
        assert {at: failure.final for at, failure in failures.items()} == {1: True, 2: True}
        assert [number_of(incoming) for incoming in await world.take(consumer, 2)] == [1, 4]


async def test_bytes_go_out_as_they_were_stored(world: World) -> None:
    record = stored(world, 1)
    newer = record._replace(value=record.value + bytes([0xC2, 0x3E, 0]))
    async with world.consumer() as consumer:
        assert await publisher(world.bus)([newer]) == {}
        [incoming] = await world.take(consumer, 1)
    assert incoming.value == newer.value


async def test_what_is_no_record_is_refused_and_the_others_go_out(memory: World) -> None:
    async with memory.consumer() as consumer:
        failures = await publisher(memory.bus)([stored(memory, 1), stored(memory, 2, value=b"\xff"), stored(memory, 3)])
        assert {at: failure.final for at, failure in failures.items()} == {1: True}
        assert len(await memory.take(consumer, 2)) == 2


async def test_outage_is_worth_another_try(memory: World) -> None:
    class Away:
        async def publish(self, _records: Sequence[Outgoing]) -> None:
            raise BusUnavailable("down")

    failures = await publisher(Away())([stored(memory, 1), stored(memory, 2)])  # type: ignore[arg-type]
    assert {at: failure.final for at, failure in failures.items()} == {0: False, 1: False}
