"""What passes with time comes out as DatabaseUnavailable, which consumers answer with a redelivery."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_bus.flow import Later
from csms_db import migrations, postgresql
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable, is_transient
from csms_testing.postgres import LocalPostgres
from sqlalchemy.exc import ProgrammingError

Models = SimpleNamespace


async def write(database: Database, models: Models, name: str) -> None:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": name})


async def write_around(database: Database, models: Models, between: Callable[[], None]) -> None:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "before"})
        between()
        await session.execute(models.things.insert(), {"name": "after"})


async def write_and_then(database: Database, models: Models, after: Callable[[], None]) -> None:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "before"})
        after()


async def impatiently(database: Database, statement: sa.Update) -> None:
    async with database.transaction() as session:
        await session.execute(sa.text("SET LOCAL lock_timeout = '20ms'"))
        await session.execute(statement)


async def test_is_an_order_to_redeliver() -> None:
    assert issubclass(DatabaseUnavailable, Later)


async def test_nobody_listens() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable, match="cannot connect"):
        await database.ping()
    await database.close()


async def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'missing' / 'x.db'}")
    with pytest.raises(DatabaseUnavailable, match="SQLITE_CANTOPEN"):
        await database.ping()
    await database.close()


async def test_another_process_holds_the_write_lock(tmp_path: Path, models: Models) -> None:
    path = tmp_path / "x.db"
    await migrations.upgrade(f"sqlite:///{path}", None, models.scripts)
    database = Database(f"sqlite:///{path}")
    await write(database, models, "connects")
    async with database.transaction() as session:
        await session.execute(sa.text("PRAGMA busy_timeout=20"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="SQLITE_BUSY"):
        await write(database, models, "a")
    other.execute("ROLLBACK")
    other.close()
    await write(database, models, "a")
    await database.close()


async def test_disk_full(tmp_path: Path, models: Models) -> None:
    path = tmp_path / "x.db"
    await migrations.upgrade(f"sqlite:///{path}", None, models.scripts)
    database = Database(f"sqlite:///{path}")
    async with database.transaction() as session:
        await session.execute(sa.text("PRAGMA max_page_count=1"))
    with pytest.raises(DatabaseUnavailable, match="SQLITE_FULL"):
        await write(database, models, "x" * 50_000)
    await database.close()


@pytest.mark.postgres
async def test_server_killed_inside_a_transaction(on_server: Database, server: LocalPostgres, models: Models) -> None:
    with pytest.raises(DatabaseUnavailable):
        await write_around(on_server, models, server.kill)
    with pytest.raises(DatabaseUnavailable, match="cannot connect"):
        await write(on_server, models, "c")
    server.start()
    await write(on_server, models, "d")
    async with on_server.reading() as session:
        assert (await session.scalars(sa.select(models.things.c.name))).all() == ["d"]


@pytest.mark.postgres
async def test_server_killed_before_the_commit(on_server: Database, server: LocalPostgres, models: Models) -> None:
    with pytest.raises(DatabaseUnavailable):
        await write_and_then(on_server, models, server.kill)


@pytest.mark.postgres
async def test_restarted_server_costs_no_error(on_server: Database, server: LocalPostgres, models: Models) -> None:
    await write(on_server, models, "a")
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    await write(on_server, models, "b")


@pytest.mark.postgres
async def test_frozen_server(
    on_server: Database, server: LocalPostgres, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "COMMAND_TIMEOUT_S", 0.5)
    database = Database(server.url, on_server.name)
    with pytest.raises(DatabaseUnavailable):
        await write_around(database, models, server.freeze)
    server.thaw()
    await write(database, models, "b")
    await database.close()


@pytest.mark.postgres
async def test_row_locked_by_another(on_server: Database, models: Models) -> None:
    await write(on_server, models, "a")
    update = models.things.update().values(value=1)
    async with on_server.transaction() as holder:
        await holder.execute(update)
        with pytest.raises(DatabaseUnavailable, match="LockNotAvailableError 55P03"):
            await impatiently(on_server, update)


@pytest.mark.postgres
async def test_deadlock(on_server: Database, models: Models) -> None:
    await write(on_server, models, "a")
    await write(on_server, models, "b")
    both_hold = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with on_server.transaction() as session:
            await session.execute(sa.text("SET LOCAL deadlock_timeout = '50ms'"))
            await session.execute(models.things.update().values(value=1).where(models.things.c.name == first))
            await both_hold.wait()
            await session.execute(models.things.update().values(value=1).where(models.things.c.name == second))

    results = await asyncio.gather(lock("a", "b"), lock("b", "a"), return_exceptions=True)
    assert sorted(type(result) for result in results if result) == [DatabaseUnavailable]


@pytest.mark.parametrize(("sqlstate", "transient"), [("40001", True), ("53100", True), ("23505", False), (None, False)])
def test_sqlstates(sqlstate: str | None, transient: bool) -> None:  # noqa: FBT001 a parameter of the test
    error = RuntimeError()
    error.sqlstate = sqlstate  # type: ignore[attr-defined]
    assert is_transient(error) is transient


def test_full_disk_is_transient() -> None:
    assert is_transient(OSError(28, "No space left on device"))
    assert not is_transient(ProgrammingError("", None, Exception()))
