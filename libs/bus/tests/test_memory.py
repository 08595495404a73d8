"""What only the in-process bus does: bounded buffers, stopping."""

import asyncio
from dataclasses import replace

import pytest
from csms_bus.memory import MemoryBus
from csms_bus.ports import BusUnavailable, NotAssigned, Outgoing, Start, TopicPartition
from csms_bus.topics import CALLS_DEVICES, CATALOGUE
from csms_testing.buses import DEADLINE_S, World, after, number_of, own_topics


def small(capacity: int = 3, publish_timeout_s: float = DEADLINE_S) -> World:
    bus = MemoryBus(topics=own_topics("t"), capacity=capacity, publish_timeout_s=publish_timeout_s)
    return World(bus, "t.log", "t.table", "t.inbox", "group")


async def turns(count: int = 5) -> None:
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_publisher_waits_while_a_group_leaves_too_many_bytes() -> None:
    bus = MemoryBus(topics=own_topics("t"), capacity_bytes=3000, publish_timeout_s=DEADLINE_S)
    world = World(bus, "t.log", "t.table", "t.inbox", "group")
    call = world.call("CS1")
    call.record.station_call.payload = bytes(1000)
    async with world.consumer() as consumer:
        publishing = asyncio.create_task(world.bus.publish([call] * 5))
        await turns()
        assert not publishing.done()
        records = await world.take(consumer, 3)
        await consumer.commit(after(records))
        await publishing
        assert len(await world.take(consumer, 2)) == 2


async def test_full_partition_holds_up_only_its_own_records() -> None:
    world = small(publish_timeout_s=0.05)
    record = world.call("CS1").record
    consumer = await world.bus.subscribe("group", [world.inbox])
    records = [Outgoing(world.inbox, record, partition=0)] * 4 + [Outgoing(world.inbox, record, partition=1)]
    with pytest.raises(BusUnavailable) as failed:
        await world.bus.publish(records)
    assert list(failed.value.outcomes) == [3]
    taken = await world.take(consumer, 4)
    assert sorted(incoming.partition for incoming in taken) == [0, 0, 0, 1]
    await consumer.close()


async def test_publisher_waits_while_a_group_is_too_far_behind() -> None:
    world = small()
    async with world.consumer() as consumer:
        publishing = asyncio.create_task(world.publish(*(("CS1", number) for number in range(5))))
        await turns()
        assert not publishing.done()
        records = await world.take(consumer, 3)
        await turns()
        assert not publishing.done(), "delivered is not committed"
        await consumer.commit(after(records))
        await publishing
        assert [number_of(incoming) for incoming in await world.take(consumer, 2)] == [3, 4]


async def test_publishers_that_wait_keep_their_order() -> None:
    world = small()
    async with world.consumer() as consumer:
        publishing = [asyncio.create_task(world.publish(("CS1", number))) for number in range(20)]
        await turns()
        numbers: list[int] = []
        while len(numbers) < 20:
            records = await world.take(consumer, 1)
            numbers += [number_of(incoming) for incoming in records]
            await consumer.commit(after(records))
            if len(numbers) < 17:
                publishing.append(asyncio.create_task(world.publish(("CS1", 100))))
        await asyncio.gather(*publishing[:20])
        assert numbers == list(range(20))
        for task in publishing:
            task.cancel()
        await asyncio.wait(publishing)


async def test_publisher_that_is_cancelled_gives_its_turn_to_the_next() -> None:
    world = small()
    async with world.consumer() as consumer:
        await world.publish(*(("CS1", number) for number in range(3)))
        first = asyncio.create_task(world.publish(("CS1", 3)))
        second = asyncio.create_task(world.publish(("CS1", 4)))
        await turns()
        first.cancel()
        await turns()
        await consumer.commit(after(await world.take(consumer, 1)))
        async with asyncio.timeout(DEADLINE_S):
            await second
        assert first.cancelled()


async def test_publisher_gives_up_after_its_time() -> None:
    world = small(publish_timeout_s=0.01)
    async with world.consumer():
        with pytest.raises(BusUnavailable, match="too far behind"):
            await world.publish(*(("CS1", number) for number in range(5)))


async def test_once_a_publisher_gave_up_the_next_do_not_wait_until_there_is_room() -> None:
    world = small(publish_timeout_s=0.2)
    async with world.consumer() as consumer:
        with pytest.raises(BusUnavailable, match="too far behind"):
            await world.publish(*(("CS1", number) for number in range(5)))
        async with asyncio.timeout(0.1):
            with pytest.raises(BusUnavailable, match="too far behind"):
                await world.publish(("CS1", 5))
        await consumer.commit(after(await world.take(consumer, 3)))
        await world.publish(("CS1", 6))
        publishing = asyncio.create_task(world.publish(*(("CS1", number) for number in (7, 8, 9))))
        await turns()
        assert not publishing.done(), "it moved: who comes now waits as before"
        assert [number_of(incoming) for incoming in await world.take(consumer, 3)] == [6, 7, 8]
        publishing.cancel()
        await asyncio.wait({publishing})


async def test_other_partitions_are_not_held_up() -> None:
    world = small()
    record = world.call("CS1").record
    consumer = await world.bus.subscribe("group", [world.inbox])
    publishing = asyncio.create_task(world.bus.publish([Outgoing(world.inbox, record, partition=0)] * 4))
    await turns()
    assert not publishing.done()
    async with asyncio.timeout(DEADLINE_S):
        await world.bus.publish([Outgoing(world.inbox, record, partition=1)])
    publishing.cancel()
    await asyncio.wait({publishing})
    await consumer.close()


async def test_publisher_waits_for_a_reader_that_does_not_read() -> None:
    world = small()
    async with world.bus.read(world.inbox, partition=0, start=Start.END) as reader:
        record = world.call("CS1").record
        publishing = asyncio.create_task(world.bus.publish([Outgoing(world.inbox, record, partition=0)] * 4))
        await turns()
        assert not publishing.done()
        batch = await anext(reader.batches())
        await publishing
        assert len(batch) == 3


async def test_reader_that_goes_away_holds_up_nobody() -> None:
    world = small()
    async with world.bus.read(world.inbox, partition=0, start=Start.END):
        record = world.call("CS1").record
        publishing = asyncio.create_task(world.bus.publish([Outgoing(world.inbox, record, partition=0)] * 4))
        await turns()
        assert not publishing.done()
    async with asyncio.timeout(DEADLINE_S):
        await publishing


async def test_topic_nobody_reads_keeps_nothing_and_takes_everything() -> None:
    world = small()
    await world.publish(*(("CS1", number) for number in range(50)))
    async with world.consumer() as consumer:
        await world.publish(("CS1", 50))
        assert [number_of(incoming) for incoming in await world.take(consumer, 1)] == [50]


async def test_stop_releases_publishers() -> None:
    world = small()
    async with world.consumer() as consumer:
        publishing = asyncio.create_task(world.publish(*(("CS1", number) for number in range(5))))
        await turns()
        await world.bus.stop()
        with pytest.raises(BusUnavailable, match="stopped"):
            await publishing
        with pytest.raises(BusUnavailable, match="stopped"):
            await world.publish(("CS1", 6))
        await consumer.close()
        with pytest.raises(BusUnavailable, match="closed"):
            await consumer.poll(max_records=1, timeout_s=0)


async def test_group_that_comes_late_to_a_table_reads_it_first(memory: World) -> None:
    for number in range(3):
        await memory.bus.publish([replace(memory.call("CS1", number), topic=memory.table)])
    consumer = await memory.bus.subscribe("late", [memory.table])
    assert [number_of(incoming) for incoming in await memory.take(consumer, 1)] == [2]
    await consumer.close()


async def test_commit_of_what_belongs_to_another_member_is_refused(memory: World) -> None:
    async with memory.consumer() as one, memory.consumer():
        with pytest.raises(NotAssigned):
            await one.commit({TopicPartition(memory.log, number): 1 for number in range(3)})


async def test_join_that_is_cancelled_leaves_the_group_whole(memory: World) -> None:
    revoking, go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
            assert partitions
            revoking.set()
            await go_on.wait()

    async with memory.consumer(listener=Slow()) as one:
        joining = asyncio.create_task(memory.bus.subscribe(memory.group, [memory.log]))
        await revoking.wait()
        joining.cancel()
        await asyncio.wait({joining})
        await memory.publish(*((f"CS{number}", number) for number in range(12)))
        assert {incoming.partition for incoming in await memory.take(one, 12)} == {0, 1, 2}


def test_catalogue_is_the_default() -> None:
    bus = MemoryBus({CALLS_DEVICES.name: 1})
    assert bus.partitions(CALLS_DEVICES.name) == 1
    others = [topic for topic in CATALOGUE if topic is not CALLS_DEVICES]
    assert {bus.partitions(topic.name) for topic in others if topic.partitions == 120} == {12}
    assert all(bus.partitions(topic.name) == topic.partitions for topic in others if topic.partitions != 120)
