"""A consumer for which every record fails parks on either bus, gives up nothing more, and goes on when it works."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from csms_bus.admin import create_topics
from csms_bus.flow import Later
from csms_bus.kafka import KafkaBus
from csms_bus.memory import MemoryBus
from csms_bus.ports import Bus, Start
from csms_bus.topic_plan import Plan
from csms_bus.topics import CATALOGUE, DEAD_LETTERS
from csms_runtime import metrics
from csms_testing.buses import DEADLINE_S, Failing, Handler, World, own_topics, world_of
from csms_testing.kafka import ONE_BROKER

ALL = range(10_000)


class Health:
    """What a consumer told of itself."""

    def __init__(self) -> None:
        self.told: list[tuple[bool, str]] = []

    def __call__(self, ok: bool, detail: str) -> None:  # noqa: FBT001 as the runner calls it
        self.told.append((ok, detail))

    async def until(self, *, ok: bool, times: int = 1) -> str:
        """Wait until it was told so many times, and return what was told with it last."""
        await until(lambda: len(self.of(ok=ok)) >= times)
        return self.of(ok=ok)[-1]

    def of(self, *, ok: bool) -> list[str]:
        return [detail for is_ok, detail in self.told if is_ok == ok]


@asynccontextmanager
async def letters_of(world: World) -> AsyncIterator[list[str]]:
    """The groups whose dead letters come meanwhile."""
    found: list[str] = []

    async def collect() -> None:
        async for batch in reader.batches():
            found.extend(one.record.dead_letter.group for one in batch if one.record is not None)

    async with world.bus.read(DEAD_LETTERS.name, partition=None, start=Start.END) as reader:
        task = asyncio.create_task(collect())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.wait({task})


async def until(satisfied: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells."""
    async with asyncio.timeout(DEADLINE_S):
        while not satisfied():  # noqa: ASYNC110 it is told by plain functions
            await asyncio.sleep(0.01)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
async def wide(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Each bus with a log of 120 partitions."""
    name = f"t{uuid.uuid4().hex[:12]}"
    log, *others = own_topics(name)
    topics = [replace(log, partitions=120), *others]
    if request.param == "memory":
        bus: Bus = MemoryBus({f"{name}.log": 120}, topics=[*topics, *CATALOGUE])
    else:
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        await create_topics(bootstrap, ONE_BROKER)
        await create_topics(bootstrap, Plan(replication_factor=1), topics=topics)
        bus = KafkaBus(bootstrap, client_id=name, heartbeat_s=0.3)
    async with world_of(bus, name) as world:
        yield world


async def test_in_a_small_fleet_a_bad_deploy_costs_nothing_but_time(wide: World) -> None:
    """Also of 20 stations on 120 partitions, also over restarts. All is handled once the cause is gone."""
    for first, fleet, starts in ((0, 20, 2), (1000, 60, 1), (2000, 150, 1)):
        world = replace(wide, group=f"{wide.group}-{fleet}")
        async with world.consumer():
            pass
        sent = range(first, first + fleet)
        await world.publish(*((f"CS{number}", number) for number in sent))
        async with letters_of(world) as letters:
            for _ in range(starts):
                health = Health()
                async with world.runner(Handler(Failing(RuntimeError("bad"), *ALL)), on_health=health, max_attempts=1):
                    detail = await health.until(ok=False)
                    assert "records of 5 stations failed, and nothing succeeded" in detail
                    assert "RuntimeError: bad" in detail
            mended = Handler()
            async with world.runner(mended):
                await mended.until(lambda sent=sent, mended=mended: set(sent) <= set(mended.done))  # type: ignore[misc]
        assert world.group not in letters


async def test_it_goes_on_by_itself_and_nothing_was_given_up(world: World) -> None:
    fails = Failing(RuntimeError("bad"), *ALL)
    handler, health = Handler(fails), Health()
    async with letters_of(world) as letters, world.runner(handler, on_health=health, park_s=(0.1, 0.2)):
        await world.publish(*((f"CS{number}", number) for number in range(10)))
        detail = await health.until(ok=False, times=3)
        assert "parked since 20" in detail
        assert metrics.CONSUMER_PARKED.labels(world.group)._value.get() == 1
        fails.times = 0
        await health.until(ok=True, times=2)
        await handler.until(lambda: set(handler.done) == set(range(10)))
        assert metrics.CONSUMER_PARKED.labels(world.group)._value.get() == 0
    assert world.group not in letters
    async with world.consumer() as consumer:
        await world.take_none(consumer)


async def test_one_stations_poison_does_not_keep_a_parked_consumer_from_going_on(memory: World) -> None:
    fails = Failing(RuntimeError("bad"), *ALL)
    handler, health = Handler(fails), Health()
    async with letters_of(memory) as letters, memory.runner(handler, on_health=health, max_batch=8, park_s=(0.1, 0.2)):
        await memory.publish(*(("CS1", number) for number in range(40)), *((f"CS{n}", 100 + n) for n in range(2, 10)))
        await health.until(ok=False)
        fails.numbers = tuple(range(40))
        await handler.until(lambda: set(range(102, 110)) <= set(handler.done))
        await until(lambda: letters.count(memory.group) == 40)
    assert set(handler.done) == set(range(102, 110))


async def test_a_handful_of_bad_stations_parks_nobody_wherever_their_records_lie(world: World) -> None:
    """Also when whole batches have nothing else in them: the consumer looks whether others' records succeed."""
    bad = [(f"BAD{number % 8}", number) for number in range(40)]
    good = [(f"CS{number}", 100 + number) for number in range(12)]
    handler, health = Handler(Failing(RuntimeError("bad"), *range(40))), Health()
    async with world.consumer():
        pass
    await world.publish(*bad, *good)
    async with letters_of(world) as letters, world.runner(handler, on_health=health, max_batch=16, max_attempts=1):
        await handler.until(lambda: {number for _, number in good} <= set(handler.done))
        await world.publish(*((f"CS{number}", 200 + number) for number in range(12)))
        await handler.until(lambda: set(range(200, 212)) <= set(handler.done))
        await until(lambda: letters.count(world.group) == 40)
    assert [ok for ok, _ in health.told] == [True]


async def test_a_member_that_works_gets_what_a_parked_one_had(world: World) -> None:
    broken, works, health = Handler(Failing(RuntimeError("bad"), *ALL)), Handler(), Health()
    async with letters_of(world) as letters, world.runner(broken, on_health=health):
        await world.publish(*((f"CS{number}", number) for number in range(30)))
        await health.until(ok=False)
        async with world.runner(works):
            await works.until(lambda: set(works.done) == set(range(30)))
    assert world.group not in letters


async def test_while_the_database_is_away_nothing_is_concluded(memory: World) -> None:
    fails = Failing(RuntimeError("bad"), *ALL)
    handler, health = Handler(fails), Health()
    async with memory.runner(handler, on_health=health, park_s=(0.01, 0.02)):
        await memory.publish(*((f"CS{number}", number) for number in range(10)))
        await health.until(ok=False)
        fails.error = Later("database away")
        handler.batches.clear()
        await handler.until(lambda: len(handler.batches) >= 5)
        told = len(health.told)
        handler.batches.clear()
        await handler.until(lambda: len(handler.batches) >= 5)
        assert len(health.told) == told
        fails.times = 0
        await handler.until(lambda: set(handler.done) == set(range(10)))
    assert health.told[-1] == (True, "")


async def test_a_parked_consumer_stops_at_once(memory: World) -> None:
    health = Health()
    async with memory.runner(Handler(Failing(RuntimeError("bad"), *ALL)), on_health=health, park_s=(3600.0, 3600.0)):
        await memory.publish(*((f"CS{number}", number) for number in range(10)))
        await health.until(ok=False)
    assert health.told[-1][0] is False
