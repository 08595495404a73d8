"""Transactions behave alike on SQLite and PostgreSQL."""

import asyncio
import traceback
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_db.engine import Database
from csms_db.errors import DatabaseUnwell
from csms_db.sql import insert
from sqlalchemy.exc import DBAPIError, IntegrityError

Models = SimpleNamespace


async def names(database: Database, models: Models) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(sa.select(models.things.c.name).order_by(models.things.c.id)))


async def test_commits_on_leaving(database: Database, models: Models) -> None:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "a"})
    assert await names(database, models) == ["a"]


async def test_rolls_back_on_error(database: Database, models: Models) -> None:
    with pytest.raises(RuntimeError, match="no"):
        await _write_then_fail(database, models)
    assert await names(database, models) == []


async def _write_then_fail(database: Database, models: Models) -> None:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "a"})
        raise RuntimeError("no")


async def test_what_is_not_committed_is_not_read(database: Database, models: Models) -> None:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "a"})
        assert await names(database, models) == []


async def test_savepoint_undoes_only_itself(database: Database, models: Models) -> None:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "a"})
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                await session.execute(models.things.insert(), [{"name": "b"}, {"name": "a"}])
        await session.execute(models.things.insert(), {"name": "c"})
    assert await names(database, models) == ["a", "c"]


async def test_reading_cannot_write(database: Database, models: Models) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read-?only"):
        async with database.reading() as session:
            await session.execute(models.things.insert(), {"name": "a"})
    assert await names(database, models) == []
    async with database.transaction() as session:  # the connection is writable again
        await session.execute(models.things.insert(), {"name": "b"})


async def test_foreign_keys_hold(database: Database, models: Models) -> None:
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await session.execute(models.parts.insert(), {"thing_id": 1})


async def test_errors_name_no_values(database: Database) -> None:
    password = "".join(["s3", "cret"])  # a traceback has the text of this file
    with pytest.raises(DatabaseUnwell) as caught:
        async with database.transaction() as session:
            await session.execute(sa.text("SELECT nonsense WHERE :password = 1"), {"password": password})
    assert password not in "".join(traceback.format_exception(caught.value))


async def test_many_writers_count_without_losing_one(database: Database, models: Models) -> None:
    counter = sa.update(models.things).values(id=models.things.c.id + 1)
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "counter", "id": 1})

    async def count() -> None:
        for _ in range(5):
            async with database.transaction() as session:
                await session.execute(counter)

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(count())
    async with database.reading() as session:
        assert await session.scalar(sa.select(models.things.c.id)) == 51


async def test_read_then_write_never_finds_the_database_locked(database: Database, models: Models) -> None:
    async def read_and_write(name: str) -> None:
        async with database.transaction() as session:
            await session.execute(sa.select(models.things))
            await session.execute(models.things.insert(), {"name": name})

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(read_and_write(f"thing-{number}"))
    assert len(await names(database, models)) == 20


async def test_cancelled_transaction_leaves_nothing_behind(database: Database, models: Models) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with database.transaction() as session:
            await session.execute(models.things.insert(), {"name": "a"})
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "a"})
    assert await names(database, models) == ["a"]


async def test_cancelled_in_the_middle_of_a_statement(database: Database, models: Models) -> None:
    for turns in range(12):
        task = asyncio.create_task(_write_one(database, models, f"cancelled-{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await _write_one(database, models, "last")
    assert "last" in await names(database, models)


async def _write_one(database: Database, models: Models, name: str) -> None:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": name})


async def test_insert_on_conflict(database: Database, models: Models) -> None:
    async with database.transaction() as session:
        for value in (1, 2):
            statement = insert(session, models.things).values(name="a", value=value)
            await session.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"value": statement.excluded.value})
            )
        ignored = insert(database.dialect)(models.things).values(name="a", value=3).on_conflict_do_nothing()
        assert (await session.execute(ignored.returning(models.things.c.id))).first() is None
    async with database.reading() as session:
        assert (await session.scalars(sa.select(models.things.c.value))).all() == [2]
