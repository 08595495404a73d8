"""Where an in-process bus and Kafka may differ: odd values and keys, slow consumers, what comes again."""

import asyncio
from collections import defaultdict

import pytest
from csms.v1.bus_pb2 import Record
from csms_bus.ports import BusUnavailable, Incoming, Outgoing, Start, TopicPartition
from csms_testing.buses import DEADLINE_S, World, after, number_of


async def test_publishing_nothing_does_nothing(world: World) -> None:
    await world.bus.publish([])


async def test_a_topic_that_does_not_exist(world: World) -> None:
    with pytest.raises(KeyError):
        world.bus.partitions("no such topic")
    with pytest.raises(BusUnavailable):
        await world.bus.publish([Outgoing("no such topic", Record(station_id="CS1"))])


async def test_values_that_are_no_records(world: World) -> None:
    """A tombstone, no bytes at all, and garbage are three things."""
    record = Record(station_id="CS1")
    async with world.consumer() as consumer:
        await world.bus.publish(
            [
                Outgoing(world.log, record, tombstone=True),
                Outgoing(world.log, record, stored=b""),
                Outgoing(world.log, record, stored=b"\xff"),
            ]
        )
        found = await world.take(consumer, 3)
    assert [(one.record, one.value) for one in found] == [(None, b""), (Record(), b""), (None, b"\xff")]
    assert [one.key for one in found] == ["CS1"] * 3


@pytest.mark.parametrize("key", ["", " ", "a\0b", "\u00e9\U0001f600\u2028", "k" * 100_000, "../x", "CS1 "])
async def test_any_text_is_a_key_and_keeps_its_order(world: World, key: str) -> None:
    records = [world.call("CS1", number) for number in range(3)]
    for outgoing in records:
        outgoing.key = key
    async with world.consumer() as consumer:
        await world.bus.publish(records)
        found = await world.take(consumer, 3)
    assert [(one.key, number_of(one)) for one in found] == [(key, 0), (key, 1), (key, 2)]
    assert len({one.partition for one in found}) == 1


async def test_offsets_grow_by_one_without_gaps(world: World) -> None:
    async with world.consumer() as consumer:
        await world.publish(*(("CS1", number) for number in range(5)))
        offsets = [one.offset for one in await world.take(consumer, 5)]
    assert offsets == list(range(offsets[0], offsets[0] + 5))


async def test_a_consumer_that_was_slow_goes_on_where_it_was(world: World) -> None:
    async with world.consumer() as consumer:
        await world.publish(*(("CS1", number) for number in range(20)))
        numbers = []
        while len(numbers) < 20:
            batch = await consumer.poll(max_records=min(3, 20 - len(numbers)), timeout_s=DEADLINE_S)
            await world.publish(("CS1", 100))  # behind all that waits
            await asyncio.sleep(0.02)
            numbers += [number_of(one) for one in batch]
            await consumer.commit(after(batch))
    assert numbers == list(range(20))
    async with world.consumer() as successor:
        assert number_of((await world.take(successor, 1))[0]) == 100


async def test_what_was_not_committed_comes_again_in_order_after_a_rebalance(world: World) -> None:
    stations = [f"CS{number}" for number in range(6)]
    async with world.consumer() as one:
        await world.publish(*((station, number) for number in range(4) for station in stations))
        first = await world.take(one, 24)
        done = [incoming for incoming in first if number_of(incoming) < 2]
        await one.commit(_contiguous(done))
        async with world.consumer() as other:
            seen: dict[str, list[int]] = defaultdict(list)
            async with asyncio.timeout(DEADLINE_S):
                while any(3 not in seen[station] for station in stations):
                    for member in (one, other):
                        for incoming in await member.poll(max_records=100, timeout_s=0.1):
                            seen[incoming.key].append(number_of(incoming))
                    if not seen:
                        continue
                    await asyncio.sleep(0)
                    if len(seen) < len(stations):  # some stayed where they were, and need not come again
                        await one.rewind(_contiguous(done))
    for numbers in seen.values():
        assert numbers[-2:] == [2, 3], numbers


def _contiguous(done: list[Incoming]) -> dict[TopicPartition, int]:
    """As `after`, but never past a record that is not among them: those of a partition come mixed."""
    offsets: dict[TopicPartition, set[int]] = defaultdict(set)
    for incoming in done:
        offsets[TopicPartition(incoming.topic, incoming.partition)].add(incoming.offset)
    found = {}
    for name, among in offsets.items():
        offset = min(among)
        while offset in among:
            offset += 1
        found[name] = offset
    return found


async def test_closing_while_records_wait_loses_none(world: World) -> None:
    consumer = await world.bus.subscribe(world.group, [world.log])
    await world.publish(*(("CS1", number) for number in range(10)))
    await consumer.poll(max_records=2, timeout_s=DEADLINE_S)
    polling = asyncio.create_task(consumer.poll(max_records=1, timeout_s=DEADLINE_S))
    await asyncio.wait({polling}, timeout=DEADLINE_S)
    await consumer.close()
    await consumer.close()  # a second time does nothing
    with pytest.raises(BusUnavailable):
        await consumer.commit({TopicPartition(world.log, 0): 0})
    async with world.consumer() as successor:
        assert [number_of(one) for one in await world.take(successor, 10)] == list(range(10))


async def test_a_table_has_what_came_last_however_odd_the_key(world: World) -> None:
    def row(key: str, station_id: str) -> Outgoing:
        return Outgoing(world.table, Record(station_id=station_id), key=key)

    await world.bus.publish([row("", "1"), row("", "2"), row("\0", "3"), row("k" * 1000, "4")])
    found = {}
    async with (
        asyncio.timeout(DEADLINE_S),
        world.bus.read(world.table, partition=None, start=Start.BEGINNING) as reader,
    ):
        async for batch in reader.batches():
            if not batch:
                break
            found |= {one.key: one.record.station_id for one in batch if one.record is not None}
    assert found == {"": "2", "\0": "3", "k" * 1000: "4"}
