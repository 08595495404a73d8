import asyncio
import sqlite3
import threading

import pytest
import sqlalchemy as sa
from csms_db import sqlite_driver
from csms_db.engine import Database


@pytest.fixture
async def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/test.db")
    async with database.transaction() as session:
        await session.execute(sa.text("CREATE TABLE things (id INTEGER PRIMARY KEY)"))
    yield database
    await database.close()


@pytest.fixture
def other(tmp_path, database):  # noqa: ARG001 # makes the file
    connection = sqlite3.connect(tmp_path / "test.db", isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


async def count(database):
    async with database.reading() as session:
        return await session.scalar(sa.text("SELECT count(*) FROM things"))


async def test_the_event_loop_goes_on_while_somebody_else_holds_the_lock(database, other):
    other.execute("BEGIN IMMEDIATE")
    turns = 0

    async def write():
        async with database.transaction() as session:
            await session.execute(sa.text("INSERT INTO things VALUES (1)"))

    writing = asyncio.create_task(write())
    while turns < 50:
        await asyncio.sleep(0)
        turns += 1
    assert not writing.done()
    other.execute("COMMIT")
    await writing
    assert await count(database) == 1


async def test_a_cancelled_commit_is_waited_for(database, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    commit = sqlite_driver.Connection.commit

    def slow_commit(self):
        def work():
            begun.set()
            go_on.wait(10)
            self.driver_connection.commit()

        self._wait_for(work)

    monkeypatch.setattr(sqlite_driver.Connection, "commit", slow_commit)

    async def write():
        async with database.transaction() as session:
            await session.execute(sa.text("INSERT INTO things VALUES (1)"))

    writing = asyncio.create_task(write())
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    await asyncio.sleep(0)
    assert not writing.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    monkeypatch.setattr(sqlite_driver.Connection, "commit", commit)
    async with database.transaction() as session:
        await session.execute(sa.text("INSERT INTO things VALUES (2)"))
    assert await count(database) == 2


async def test_rows_come_in_every_way_of_fetching(database):
    async with database.transaction() as session:
        await session.execute(sa.text("INSERT INTO things VALUES (:id)"), [{"id": number} for number in range(5)])
    async with database.reading() as session:
        connection = await session.connection()
        result = await connection.execute(sa.text("SELECT id FROM things ORDER BY id"))
        assert result.fetchone() == (0,)
        assert [row.id for row in result.fetchmany(2)] == [1, 2]
        assert [row.id for row in result] == [3, 4]
