"""What the metrics say of a database's connections."""

import asyncio

import pytest
from csms_db.engine import Database
from csms_db.opening import in_use
from csms_runtime.health import Health
from csms_testing.postgres import LocalPostgres
from prometheus_client import REGISTRY


def told(metric: str, database: Database, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"csms_db_pool_{metric}", {"database": database.name, **labels})


async def until(database: Database, metric: str, least: float, most: float, **labels: str) -> None:
    async with asyncio.timeout(9):
        while not least <= (told(metric, database, **labels) or 0) <= most:  # noqa: ASYNC110 nobody tells
            await asyncio.sleep(0.005)


async def test_connections_in_use_and_who_waits_for_one(database: Database) -> None:
    async with in_use(database, Health()):
        size = int(told("size", database) or 0)
        released = asyncio.Event()

        async def hold() -> None:
            async with database.transaction():
                await released.wait()

        holders = [asyncio.create_task(hold()) for _ in range(size + 2)]
        writers = 1 if database.dialect == "sqlite" else size
        await until(database, "connections", writers, size, state="in_use")
        await until(database, "waiting", len(holders) - writers, size + 2)  # the sign of life may wait, too
        released.set()
        await asyncio.gather(*holders)
        await until(database, "waiting", 0, 0)
        await until(database, "connections", 0, 0, state="in_use")
        assert (told("connections", database, state="idle") or 0) >= 1
    assert told("size", database) is None


@pytest.mark.postgres
async def test_a_frozen_server_degrades_and_its_return_is_seen(server: LocalPostgres, on_server: Database) -> None:
    health = Health()
    health.set("own", ok=True)

    async def becomes(status: str) -> None:
        async with asyncio.timeout(40):
            while health.status != status or len(health.components()) == 1:  # noqa: ASYNC110 nobody tells
                await asyncio.sleep(0.02)

    async with in_use(on_server, health):
        await becomes("ready")
        await asyncio.to_thread(server.freeze)
        await becomes("degraded")
        assert health.ready
        await asyncio.to_thread(server.thaw)
        await becomes("ready")
