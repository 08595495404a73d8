"""What a service may rely on, on either bus: order, groups, redelivery, readers."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from csms.v1.station_pb2 import ConnectionRecord, Reply
from csms_bus.ports import (
    Bus,
    BusError,
    BusUnavailable,
    Consumer,
    Incoming,
    NotAssigned,
    Outgoing,
    RecordTooLarge,
    Start,
    TopicPartition,
    UnknownPartition,
)
from csms_bus.records import new_record
from csms_bus.topics import CALLS_DEVICES, GATEWAY_INBOX
from csms_testing.buses import DEADLINE_S, World, after, number_of


def by_station(records: Sequence[Incoming]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for incoming in records:
        numbers[incoming.key].append(number_of(incoming))
    return numbers


class Recorder:
    """A rebalance listener that remembers."""

    def __init__(self) -> None:
        self.revoked_partitions: list[frozenset[TopicPartition]] = []

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.revoked_partitions.append(partitions)


async def test_record_arrives_as_it_was_published(world: World) -> None:
    async with world.consumer() as consumer:
        outgoing = world.call("CS1", 7)
        await world.bus.publish([outgoing])
        [incoming] = await world.take(consumer, 1)
        assert incoming.record == outgoing.record
        assert (incoming.topic, incoming.key) == (world.log, "CS1")
        assert incoming.value == outgoing.record.SerializeToString()


async def test_what_is_done_to_a_record_later_changes_nobody_elses(world: World) -> None:
    async with world.consumer("a" + world.group) as one, world.consumer("b" + world.group) as other:
        outgoing = world.call("CS1", 7)
        await world.bus.publish([outgoing])
        outgoing.record.station_call.correlation_id = "8"
        [incoming] = await world.take(one, 1)
        assert number_of(incoming) == 7
        incoming.record.station_call.correlation_id = "9"  # type: ignore[union-attr]
        assert number_of((await world.take(other, 1))[0]) == 7


async def test_stored_bytes_are_published_as_they_are(world: World) -> None:
    outgoing = world.call("CS1", 7)
    outgoing.stored = outgoing.record.SerializeToString() + bytes([0xC2, 0x3E, 0])  # a body of a newer version
    async with world.consumer() as consumer:
        await world.bus.publish([outgoing])
        [incoming] = await world.take(consumer, 1)
    assert incoming.value == outgoing.stored


def sized(world: World, station_id: str, number: int, size: int) -> Outgoing:
    """A CALL whose record has so many bytes."""
    outgoing = world.call(station_id, number)
    outgoing.record.station_call.payload = bytes(size)
    outgoing.record.station_call.payload = bytes(2 * size - outgoing.record.ByteSize())
    assert outgoing.record.ByteSize() == size
    return outgoing


LARGEST = CALLS_DEVICES.max_record_bytes()


async def test_largest_record_passes_and_a_larger_one_is_refused(world: World) -> None:
    async with world.consumer() as consumer:
        await world.bus.publish([sized(world, "CS1", 1, LARGEST)])
        with pytest.raises(RecordTooLarge, match="at most"):
            await world.bus.publish([sized(world, "CS1", 2, LARGEST + 1)])
        await world.publish(("CS1", 3))
        assert [number_of(incoming) for incoming in await world.take(consumer, 2)] == [1, 3]


async def test_record_too_large_hurts_no_other_of_its_batch(world: World) -> None:
    async with world.consumer() as consumer:
        records = [
            world.call("CS1", 0),
            sized(world, "CS1", 1, LARGEST + 1),
            world.call("CS1", 2),
            world.call("CS2", 3),
        ]
        with pytest.raises(RecordTooLarge) as refused:
            await world.bus.publish(records)
        assert list(refused.value.outcomes) == [1]
        assert by_station(await world.take(consumer, 3)) == {"CS1": [0, 2], "CS2": [3]}


async def test_each_failure_has_its_own_outcome(world: World) -> None:
    async with world.consumer() as consumer:
        nowhere = Outgoing("no such topic", world.call("CS1").record)
        foreign = Outgoing(world.inbox, world.call("CS1").record, partition=4)
        told: dict[int, BusError | None] = {}
        with pytest.raises(BusUnavailable) as failed:  # what is worth another try counts most
            await world.bus.publish([foreign, world.call("CS1", 1), nowhere], told.__setitem__)
        assert {at: type(error) for at, error in failed.value.outcomes.items()} == {
            0: UnknownPartition,
            2: BusUnavailable,
        }
        assert told == {**failed.value.outcomes, 1: None}
        assert [number_of(incoming) for incoming in await world.take(consumer, 1)] == [1]


async def test_poll_returns_no_more_bytes_than_asked_for_but_one_record_at_least(world: World) -> None:
    sizes = [100_000, 100_000, 700_000, 1000, 1000]
    async with world.consumer() as consumer:
        await world.bus.publish([sized(world, "CS1", number, size) for number, size in enumerate(sizes)])
        polled: list[list[int]] = []
        async with asyncio.timeout(DEADLINE_S):
            while sum(map(len, polled)) < len(sizes):
                batch = await consumer.poll(max_records=100, timeout_s=1, max_bytes=250_000)
                assert len(batch) < 2 or sum(len(incoming.value) for incoming in batch) <= 250_000
                polled.append([number_of(incoming) for incoming in batch])
    assert [number for batch in polled for number in batch] == list(range(len(sizes)))
    assert [2] in polled


async def test_partition_of_a_key_is_kafkas(world: World) -> None:
    # As Kafka's own clients choose (murmur2): other teams' programs may rely on it.
    async with world.consumer() as consumer:
        await world.publish(("CS1", 1), ("CS2", 2), ("station-42", 3), ("", 4))
        found = {incoming.key: incoming.partition for incoming in await world.take(consumer, 4)}
    assert found == {"CS1": 1, "CS2": 2, "station-42": 1, "": 0}


async def test_records_of_a_station_stay_in_order(world: World) -> None:
    stations = [f"CS{number}" for number in range(9)]
    async with world.consumer() as consumer:
        for start in range(0, 60, 20):
            await world.publish(*((station, start + number) for number in range(20) for station in stations))
        records = await world.take(consumer, 9 * 60)
        assert by_station(records) == {station: list(range(60)) for station in stations}
        assert len({incoming.partition for incoming in records}) == 3


async def test_order_holds_while_many_publish_at_once(world: World) -> None:
    async with world.consumer() as consumer:
        batches = [[world.call("CS1", number)] for number in range(200)]
        await asyncio.gather(*(world.bus.publish(batch) for batch in batches))
        records = await world.take(consumer, 200)
        assert by_station(records) == {"CS1": list(range(200))}


async def test_fixed_partition_is_respected(world: World) -> None:
    async with world.reading(world.inbox, 2) as two, world.reading(world.inbox, 3) as three:
        for slot in (3, 2):
            record = new_record("CS1", reply=Reply(correlation_id=f"for {slot}"))
            await world.bus.publish([Outgoing(world.inbox, record, partition=slot)])
        assert (await two.next()).reply.correlation_id == "for 2"
        assert (await three.next()).reply.correlation_id == "for 3"


async def test_poll_returns_empty_when_nothing_comes(world: World) -> None:
    async with world.consumer() as consumer:
        assert list(await consumer.poll(max_records=10, timeout_s=0.01)) == []


async def test_poll_returns_no_more_than_asked_for(world: World) -> None:
    async with world.consumer() as consumer:
        await world.publish(*(("CS1", number) for number in range(10)))
        records = await world.take(consumer, 1)
        records += await consumer.poll(max_records=4, timeout_s=DEADLINE_S)
        assert [number_of(incoming) for incoming in records] == list(range(len(records)))
        assert len(records) <= 5


async def test_uncommitted_records_come_again_after_a_crash(world: World) -> None:
    async with world.consumer() as consumer:
        await world.publish(("CS1", 1), ("CS1", 2), ("CS1", 3))
        first, second, _ = await world.take(consumer, 3)
        await consumer.commit(after([first]))
    async with world.consumer() as successor:
        again = await world.take(successor, 2)
        assert [number_of(incoming) for incoming in again] == [2, 3]
        assert again[0].offset == second.offset


async def test_committed_records_do_not_come_again(world: World) -> None:
    async with world.consumer() as consumer:
        await world.publish(("CS1", 1), ("CS2", 2), ("CS3", 3))
        await consumer.commit(after(await world.take(consumer, 3)))
    async with world.consumer() as successor:
        await world.take_none(successor)


async def test_records_published_while_the_group_has_no_members_wait(world: World) -> None:
    async with world.consumer():
        pass
    await world.publish(("CS1", 1))
    async with world.consumer() as consumer:
        assert [number_of(incoming) for incoming in await world.take(consumer, 1)] == [1]


async def test_rewind_delivers_again_in_place(world: World) -> None:
    async with world.consumer() as consumer:
        await world.publish(("CS1", 1), ("CS1", 2), ("CS1", 3))
        records = await world.take(consumer, 3)
        second = records[1]
        await consumer.rewind({TopicPartition(second.topic, second.partition): second.offset})
        assert [number_of(incoming) for incoming in await world.take(consumer, 2)] == [2, 3]


async def test_rewind_of_a_foreign_partition_is_ignored(world: World) -> None:
    async with world.consumer() as consumer:
        await consumer.rewind({TopicPartition(world.inbox, 0): 0})
        await world.take_none(consumer)


async def test_each_group_gets_every_record(world: World) -> None:
    async with world.consumer("a" + world.group) as one, world.consumer("b" + world.group) as other:
        await world.publish(("CS1", 1), ("CS2", 2))
        expected = {"CS1": [1], "CS2": [2]}
        assert by_station(await world.take(one, 2)) == expected
        assert by_station(await world.take(other, 2)) == expected


@asynccontextmanager
async def partitions_seen(consumer: Consumer) -> AsyncIterator[set[int]]:
    """Polls all the time; the set of partitions that records came from."""
    seen: set[int] = set()
    stop = asyncio.Event()

    async def poll() -> None:
        while not stop.is_set():
            records = await consumer.poll(max_records=100, timeout_s=0.05)
            seen.update(incoming.partition for incoming in records)

    async with asyncio.TaskGroup() as group:
        group.create_task(poll())
        yield seen
        stop.set()


async def publish_until(world: World, satisfied: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        number = 0
        while not satisfied():
            await world.publish(*((f"CS{station}", number) for station in range(12)))
            number += 1
            await asyncio.sleep(0.01)


async def test_members_share_the_partitions(world: World) -> None:
    listener = Recorder()
    async with world.consumer(listener=listener) as one, partitions_seen(one) as by_one:
        await publish_until(world, lambda: by_one == {0, 1, 2})
        async with world.consumer() as other:
            by_one.clear()
            async with partitions_seen(other) as by_other:
                await publish_until(world, lambda: bool(by_one and by_other) and by_one | by_other == {0, 1, 2})
                assert not by_one & by_other
        assert listener.revoked_partitions


async def test_partitions_of_a_member_that_leaves_go_to_the_others(world: World) -> None:
    async with world.consumer() as one:
        async with world.consumer():
            pass
        async with partitions_seen(one) as by_one:
            await publish_until(world, lambda: by_one == {0, 1, 2})


async def test_commit_of_a_partition_that_moved_is_refused(world: World) -> None:
    async with world.consumer() as one:
        await world.publish(*((f"CS{number}", number) for number in range(12)))
        offsets = after(await world.take(one, 12))
        async with world.consumer():
            await one.poll(max_records=1, timeout_s=0.01)  # returns when it knows which partitions it has now
            with pytest.raises(NotAssigned):
                await one.commit(offsets)


async def test_what_a_member_left_uncommitted_comes_to_those_who_stay(world: World) -> None:
    async with world.consumer() as one:
        await world.publish(*((f"CS{number}", number) for number in range(12)))
        await world.take(one, 12)
        async with world.consumer() as other:
            await one.close()
            numbers: set[int] = set()  # some may come twice: before and after the partitions moved once more
            async with asyncio.timeout(DEADLINE_S):
                while len(numbers) < 12:
                    numbers.update(number_of(incoming) for incoming in await world.take(other, 1))


async def test_reader_from_the_end_sees_only_what_comes_later(world: World) -> None:
    await world.publish(("CS1", 1))
    async with world.reading(world.log) as log:
        await world.publish(("CS1", 2))
        assert (await log.next()).station_call.correlation_id == "2"


def connection(world: World, station_id: str, connection_id: str) -> Outgoing:
    return Outgoing(world.table, new_record(station_id, connection=ConnectionRecord(connection_id=connection_id)))


async def read_table(bus: Bus, topic: str) -> dict[str, str]:
    """The table as of now."""
    table: dict[str, str] = {}
    async with asyncio.timeout(DEADLINE_S), bus.read(topic, partition=None, start=Start.BEGINNING) as reader:
        async for batch in reader.batches():
            if not batch:
                return table
            for incoming in batch:
                if incoming.record is None:
                    table.pop(incoming.key, None)
                else:
                    table[incoming.key] = incoming.record.connection.connection_id
    raise AssertionError("a reader never ends by itself")


async def test_table_holds_the_newest_record_of_each_key(world: World) -> None:
    await world.bus.publish([connection(world, f"CS{number}", "old") for number in range(9)])
    await world.bus.publish([connection(world, f"CS{number}", "new") for number in range(5)])
    expected = {f"CS{number}": "new" if number < 5 else "old" for number in range(9)}
    assert await read_table(world.bus, world.table) == expected


async def test_tombstone_removes_a_key_from_the_table(world: World) -> None:
    await world.bus.publish([connection(world, "CS1", "a"), connection(world, "CS2", "b")])
    record = new_record("CS1", connection=ConnectionRecord())
    await world.bus.publish([Outgoing(world.table, record, tombstone=True)])
    assert await read_table(world.bus, world.table) == {"CS2": "b"}


async def test_empty_table_is_complete_at_once(world: World) -> None:
    assert await read_table(world.bus, world.table) == {}


async def test_reader_of_a_table_goes_on_with_what_comes(world: World) -> None:
    await world.bus.publish([connection(world, "CS1", "a")])
    async with asyncio.timeout(DEADLINE_S):
        async with world.bus.read(world.table, partition=None, start=Start.BEGINNING) as reader:
            seen: list[str] = []
            async for batch in reader.batches():
                if not batch:
                    seen.append("complete")
                    await world.bus.publish([connection(world, "CS1", "b")])
                seen += [incoming.record.connection.connection_id for incoming in batch if incoming.record]
                if "b" in seen:
                    break
    assert seen == ["a", "complete", "b"]


async def test_partitions_are_known(world: World) -> None:
    assert world.bus.partitions(GATEWAY_INBOX.name) == GATEWAY_INBOX.partitions
    with pytest.raises(KeyError):
        world.bus.partitions("no such topic")


async def test_partition_a_topic_does_not_have_is_refused(world: World) -> None:
    with pytest.raises(UnknownPartition):
        await world.bus.publish([Outgoing(world.inbox, world.call("CS1").record, partition=4)])
