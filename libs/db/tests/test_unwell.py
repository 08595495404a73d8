"""A database that is not as it should be costs no record: consumers wait, and go on when somebody has mended it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_bus.flow import LaterOrNever
from csms_bus.memory import MemoryBus
from csms_bus.ports import Incoming, Outgoing
from csms_bus.topics import CATALOGUE, DEAD_LETTERS
from csms_db.engine import Database
from csms_db.errors import DatabaseUnwell, is_unwell
from csms_testing.buses import DEADLINE_S, World, own_topics, world_of
from csms_testing.postgres import LocalPostgres
from sqlalchemy.engine import make_url

Models = SimpleNamespace


async def execute(database: Database, *statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(sa.text(statement))


_KEEP = sa.text("INSERT INTO things (name) VALUES (:name) ON CONFLICT DO NOTHING")


class Keeping:
    """A handler that keeps each record's station in the table of things."""

    def __init__(self, database: Database, models: Models) -> None:
        self.failed = asyncio.Event()
        self._database = database
        self._models = models

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        try:
            async with self._database.transaction() as session:
                for incoming in batch:
                    sleep = sa.select(sa.func.pg_sleep(60)) if incoming.key == "MONSTER" else sa.select(1)
                    await session.execute(sleep)
                    await session.execute(_KEEP, {"name": incoming.key})
        except DatabaseUnwell:
            self.failed.set()
            raise
        return []

    async def until_kept(self, *names: str) -> None:
        """Wait until these are in the table."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                async with self._database.reading() as session:
                    found = set(await session.scalars(sa.select(self._models.things.c.name)))
                if set(names) <= found:
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def memory() -> AsyncIterator[World]:
    async with world_of(MemoryBus(topics=[*own_topics("t"), *CATALOGUE]), "t") as world:
        yield world


async def test_a_table_that_is_not_there(database: Database) -> None:
    with pytest.raises(DatabaseUnwell, match="nowhere") as told:
        await execute(database, "SELECT * FROM nowhere")
    assert isinstance(told.value, LaterOrNever)


async def test_a_column_that_is_not_there(database: Database) -> None:
    with pytest.raises(DatabaseUnwell, match="oddity"):
        await execute(database, "SELECT oddity FROM things")


@pytest.mark.postgres
async def test_a_statement_that_takes_too_long(on_server: Database) -> None:
    with pytest.raises(DatabaseUnwell, match="57014"):
        await execute(on_server, "SET LOCAL statement_timeout = '20ms'", "SELECT pg_sleep(5)")


def test_what_a_value_does_is_no_fault_of_the_database() -> None:
    for code in ("22001", "22P02", "23505", "54000"):
        error = RuntimeError()
        error.sqlstate = code  # type: ignore[attr-defined]
        assert not is_unwell(error)


@pytest.mark.postgres
async def test_a_dropped_table_costs_no_record(on_server: Database, models: Models) -> None:
    handler = Keeping(on_server, models)
    await execute(on_server, "ALTER TABLE things RENAME TO dropped")
    async with memory() as world, world.reading(DEAD_LETTERS.name) as dead, world.runner(handler):
        await world.publish(*((f"CS{number}", number) for number in range(10)))
        for _ in range(3):
            await asyncio.wait_for(handler.failed.wait(), DEADLINE_S)
            handler.failed.clear()
        await execute(on_server, "ALTER TABLE dropped RENAME TO things")
        await handler.until_kept(*(f"CS{number}" for number in range(10)))
        assert dead.count == 0


@pytest.mark.postgres
async def test_a_revoked_right_costs_no_record(on_server: Database, server: LocalPostgres, models: Models) -> None:
    """Also when it is that of one station's records alone."""
    schema = on_server.name
    role = f"clerk_{schema}"
    await execute(
        on_server,
        f'CREATE ROLE "{role}" LOGIN',
        f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}"',
        f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO "{role}"',
    )
    clerk = Database(make_url(server.url).set(username=role).render_as_string(hide_password=False), schema)
    try:
        handler = Keeping(clerk, models)
        async with memory() as world, world.reading(DEAD_LETTERS.name) as dead, world.runner(handler):
            await world.publish(("CS1", 1))
            for _ in range(5):
                await asyncio.wait_for(handler.failed.wait(), DEADLINE_S)
                handler.failed.clear()
            await execute(
                on_server,
                f'GRANT INSERT ON ALL TABLES IN SCHEMA "{schema}" TO "{role}"',
                f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{schema}" TO "{role}"',
            )
            await handler.until_kept("CS1")
            assert dead.count == 0
            await world.publish(("CS2", 2))
            await handler.until_kept("CS2")
    finally:
        await clerk.close()
        await execute(on_server, f'DROP OWNED BY "{role}"', f'DROP ROLE "{role}"')


@pytest.mark.postgres
async def test_a_record_that_takes_too_long_holds_up_nobody(
    server: LocalPostgres, on_server: Database, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms_db.postgresql.STATEMENT_TIMEOUT_MS", 100)
    hasty = Database(server.url, on_server.name)
    handler = Keeping(hasty, models)
    async with memory() as world, world.reading(DEAD_LETTERS.name) as dead, world.runner(handler):
        await world.publish(("MONSTER", 0))
        await asyncio.wait_for(handler.failed.wait(), DEADLINE_S)
        for number in range(1, 5):
            await world.publish((f"CS{number}", number))
            await handler.until_kept(f"CS{number}")
        letter = await dead.next()
        assert letter.station_id == "MONSTER"
        assert "57014" in letter.dead_letter.reason
    await hasty.close()
