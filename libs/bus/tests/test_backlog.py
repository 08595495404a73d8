"""How far behind a consumer is: it grows while nothing goes on."""

import asyncio
from collections.abc import Sequence

import pytest
from csms.v1.station_pb2 import StationCall
from csms_bus.backlog import Backlog
from csms_bus.flow import Later
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import new_record
from csms_testing.buses import DEADLINE_S, World
from prometheus_client import REGISTRY


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backlog(clock: Clock) -> Backlog:
    return Backlog("tests", clock)


def batch(*ages_s: float, now_ms: int) -> list[Incoming]:
    records = [new_record("CS1", station_call=StationCall()) for _ in ages_s]
    for record, age_s in zip(records, ages_s, strict=True):
        record.produced_at_ms = now_ms - int(age_s * 1000)
    return [Incoming("log", 0, number, "CS1", record) for number, record in enumerate(records)]


def test_nothing_waits(backlog: Backlog) -> None:
    assert (backlog.age_s(), backlog.lag()) == (0, 0)


def test_the_oldest_record_in_hand_grows_older(backlog: Backlog, clock: Clock) -> None:
    backlog.taken(batch(1, 5, 2, now_ms=clock.ms))
    assert (backlog.age_s(), backlog.lag()) == (5, 3)
    clock.ms += 30_000
    assert backlog.age_s() == 35
    backlog.left(0)
    assert (backlog.age_s(), backlog.lag()) == (0, 0)


def test_a_batch_counts_until_what_it_led_to_is_published(backlog: Backlog, clock: Clock) -> None:
    backlog.taken(batch(9, now_ms=clock.ms))
    backlog.left(1)
    backlog.taken(batch(1, 1, now_ms=clock.ms))
    assert (backlog.age_s(), backlog.lag()) == (9, 3)
    backlog.left(1)
    assert (backlog.age_s(), backlog.lag()) == (1, 2)


def test_what_was_given_back_is_as_old_as_before(backlog: Backlog, clock: Clock) -> None:
    backlog.taken(batch(3, now_ms=clock.ms))
    backlog.postponed()
    clock.ms += 10_000
    assert backlog.age_s() == 13
    backlog.taken(batch(13, now_ms=clock.ms))
    backlog.left(0)
    assert backlog.age_s() == 0


def test_what_another_member_gets_is_not_ours(backlog: Backlog, clock: Clock) -> None:
    backlog.taken(batch(3, now_ms=clock.ms))
    backlog.postponed()
    backlog.revoked()
    assert backlog.age_s() == 0


def test_what_is_never_polled_waits_since_it_was_seen(backlog: Backlog, clock: Clock) -> None:
    backlog.counted(7)
    clock.ms += 5_000
    backlog.counted(8)
    assert (backlog.age_s(), backlog.lag()) == (5, 8)
    backlog.taken(batch(6, now_ms=clock.ms))
    backlog.left(0)
    backlog.counted(2)  # it polls: a busy consumer is always a little behind
    assert (backlog.age_s(), backlog.lag()) == (0, 2)
    backlog.counted(0)
    assert backlog.lag() == 0


def test_tombstones_have_no_age(backlog: Backlog) -> None:
    backlog.taken([Incoming("table", 0, 0, "CS1", None)])
    assert (backlog.age_s(), backlog.lag()) == (0, 1)


def told(name: str, group: str) -> float:
    return REGISTRY.get_sample_value(f"csms_consumer_{name}", {"group": group}) or 0.0


async def until(world: World, name: str, least: float, most: float = 1e9) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not least <= told(name, world.group) <= most:  # noqa: ASYNC110 nobody tells
            await asyncio.sleep(0.01)


async def test_age_and_lag_move_while_the_handler_hangs(world: World) -> None:
    goes_on, health = asyncio.Event(), []

    async def handler(_batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        await goes_on.wait()
        return []

    async with world.runner(handler, max_batch=2, look_s=0.1, hangs_s=0.3, on_health=lambda *told: health.append(told)):
        await world.publish(("CS1", 1))
        await until(world, "oldest_record_age_seconds", 0.1)
        await world.publish(*(("CS1", number) for number in range(2, 8)))
        await until(world, "lag_records", 7, 7)
        age = told("oldest_record_age_seconds", world.group)
        await until(world, "oldest_record_age_seconds", age + 0.3)
        async with asyncio.timeout(DEADLINE_S):
            while health[-1] != (False, "a batch has been in work for 0.3 s"):  # noqa: ASYNC110 nobody tells
                await asyncio.sleep(0.01)
        goes_on.set()
        await until(world, "lag_records", 0, 0)
        await until(world, "oldest_record_age_seconds", 0, 0)
        async with asyncio.timeout(DEADLINE_S):
            while health[-1] != (True, ""):  # noqa: ASYNC110 nobody tells
                await asyncio.sleep(0.01)
    assert REGISTRY.get_sample_value("csms_consumer_lag_records", {"group": world.group}) is None


async def test_the_age_moves_while_the_database_is_away(world: World) -> None:
    away = True

    async def handler(_batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        if away:
            raise Later("database down")
        return []

    async with world.runner(handler, look_s=0.1, backoff_s=(0.3, 0.3)):
        await world.publish(("CS1", 1))
        await until(world, "oldest_record_age_seconds", 1.0)
        away = False
        await until(world, "oldest_record_age_seconds", 0, 0)
