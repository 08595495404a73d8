"""The most telling fault drills in their short form. `make drill` runs all of them."""

import asyncio
from functools import partial

import pytest
from csms_testing.drills import catalogue
from csms_testing.drills.drill import Drill, Stage, run
from csms_testing.drills.scenarios import hostile
from csms_testing.hostile import kinds

STATIONS = 12
NAMES = ["poison", "kill-transactions", "gateway-moves", "kafka-away", "postgres-away", "partitions-added"]

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(300)]


def by_name(name):
    (drill,) = catalogue.chosen([name])
    return drill


async def held(name, arena):
    result = await run(by_name(name), arena, short=True, stations=STATIONS)
    assert result.ok, f"{name}: {result.error}\n{await asyncio.to_thread(logs_of, arena)}"
    assert result.ledger["events"] > STATIONS
    assert result.ledger["acknowledged"] == result.ledger["events"]
    return result


def logs_of(arena):
    files = sorted(arena.directory.glob("*.log"))
    return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in files)


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", NAMES)
async def test_nothing_is_lost(name, distributed):
    await held(name, distributed)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_full_disk_refuses_and_loses_nothing(standalone):
    result = await held("disk-full", standalone)
    assert result.notes["call_errors"] > 0


TELLING = (
    "calls-20",
    "pongs-3",
    "empty-fragments",
    "bomb-events-within",
    "bomb-arrays",
    "heavy-connectors",
    "odd-errors",
)


async def withstood(arena):
    attacks = [kind for kind in kinds.kinds() if kind.name in TELLING]
    drill = Drill("hostile", "the most telling attacks", Stage.CLUSTER, partial(hostile.withstands, attacks=attacks))
    result = await run(drill, arena, short=True, stations=STATIONS)
    assert result.ok, f"{result.error}\n{result.notes}\n{await asyncio.to_thread(logs_of, arena)}"
    assert set(result.notes) == set(TELLING)


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.asyncio(loop_scope="module")
async def test_a_hostile_station_hurts_nobody_else(distributed):
    await withstood(distributed)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_hostile_station_hurts_nobody_else_in_standalone_mode(standalone):
    await withstood(standalone)
