"""Groups that are set back to a time get what was stored since once more, and nothing else is changed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from csms_bus.admin import create_topics
from csms_bus.groups import GROUPS, Group
from csms_bus.kafka import KafkaBus
from csms_bus.kafka_settings import KafkaSettings
from csms_bus.ports import Consumer
from csms_bus.rewind import GroupInUse, cli, rewind
from csms_bus.topic_plan import Plan
from csms_bus.topics import CALLS_DEVICES
from csms_testing.buses import World, after, number_of, own_topics, world_of
from csms_testing.kafka import ONE_BROKER
from typer.testing import CliRunner

LATER = timedelta(milliseconds=20)


@asynccontextmanager
async def kafka_world(bootstrap: str) -> AsyncIterator[tuple[World, Group, KafkaSettings]]:
    name = f"rewind-{time.time_ns()}"
    await create_topics(bootstrap, ONE_BROKER)
    await create_topics(bootstrap, Plan(replication_factor=1), topics=own_topics(name))
    group = Group(name, "test", (replace(CALLS_DEVICES, name=f"{name}.log"),))
    async with world_of(KafkaBus(bootstrap, client_id=name, heartbeat_s=0.3), name) as world:
        yield world, group, KafkaSettings(bootstrap, name)


async def handle(world: World, consumer: Consumer, count: int) -> list[int]:
    """Take so many records, commit them, and return their numbers."""
    taken = await world.take(consumer, count)
    await consumer.commit(after(taken))
    return sorted(number_of(incoming) for incoming in taken)


async def moment() -> datetime:
    """A time that lies between what was stored before and what is stored later."""
    now = datetime.now(UTC)
    while datetime.now(UTC) < now + LATER:  # noqa: ASYNC110 the clock tells nobody
        await asyncio.sleep(0.001)
    return now + LATER / 2


@pytest.mark.kafka
async def test_what_was_stored_since_comes_again_once(kafka_bootstrap: str) -> None:
    async with kafka_world(kafka_bootstrap) as (world, group, settings):
        async with world.consumer() as consumer:
            await world.publish(*((f"CS{number}", number) for number in range(6)))
            assert await handle(world, consumer, 6) == [0, 1, 2, 3, 4, 5]
            to = await moment()
            await world.publish(("CS1", 6), ("CS2", 7), ("CS3", 8))
            assert await handle(world, consumer, 3) == [6, 7, 8]
        (tried,) = await rewind(settings, to, [group], dry_run=True)
        (done,) = await rewind(settings, to, [group])
        assert (done.records, done.begins_at) == (tried.records, None) == (3, None)
        assert (await rewind(settings, to, [group]))[0].records == 0, "it stands there already"
        async with world.consumer() as consumer:
            assert await handle(world, consumer, 3) == [6, 7, 8]
            await world.take_none(consumer)


@pytest.mark.kafka
async def test_no_group_is_set_forward(kafka_bootstrap: str) -> None:
    async with kafka_world(kafka_bootstrap) as (world, group, settings):
        async with world.consumer() as consumer:
            await world.publish(("CS1", 1))
            await handle(world, consumer, 1)
        await world.publish(("CS1", 2))
        (done,) = await rewind(settings, await moment(), [group])
        assert done.records == 0
        async with world.consumer() as consumer:
            assert await handle(world, consumer, 1) == [2]


@pytest.mark.kafka
async def test_a_group_that_is_read_for_is_left_alone(kafka_bootstrap: str) -> None:
    async with kafka_world(kafka_bootstrap) as (world, group, settings), world.consumer() as consumer:
        await world.publish(("CS1", 1))
        await handle(world, consumer, 1)
        with pytest.raises(GroupInUse, match=f"{group.name}: stop the services first"):
            await rewind(settings, datetime(2026, 1, 1, tzinfo=UTC), [group])
        await world.take_none(consumer)


@pytest.mark.kafka
def test_all_groups_of_a_service_from_the_command_line(kafka_bootstrap: str) -> None:
    asyncio.run(create_topics(kafka_bootstrap, ONE_BROKER))
    arguments = [
        "--to",
        "2026-01-01T00:00:00Z",
        "--bootstrap",
        kafka_bootstrap,
        "--service",
        "transactions",
        "--dry-run",
    ]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    lines = [tuple(line.split(": ")[:2]) for line in result.output.splitlines()]
    of_transactions = [group for group in GROUPS if group.service == "transactions"]
    assert lines == [(group.name, name) for group in of_transactions for name in group.topic_names]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "yesterday"], "want a time"),
        (["--to", "2026-01-01T00:00:00"], "zone"),
        (["--to", "2026-01-01T00:00:00Z", "--service", "billing"], "billing"),
        (["--to", "2026-01-01T00:00:00Z", "--bootstrap", "127.0.0.1:1"], "Kafka at 127.0.0.1:1"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code != 0
    assert said in result.output
