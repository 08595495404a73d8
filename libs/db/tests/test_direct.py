"""Direct transactions keep the promises of the others."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_db.statements import Insert, Lookup, SpanLookup, Update
from csms_runtime.clock import utcnow
from csms_testing.postgres import LocalPostgres

Models = SimpleNamespace


def adding(models: Models) -> Insert:
    return Insert(models.things, ("name", "at", "value"))


def named(models: Models) -> Lookup:
    columns = models.things.c
    return Lookup((columns.name, columns.at, columns.value), by=(columns.name,), for_update=True)


async def stored(database: Database, models: Models, *names: str) -> Sequence[str]:
    async with database.direct() as session:
        return [row[0] for row in await named(models).fetch(session, names)]


async def test_what_is_written_is_read_with_its_types(database: Database, models: Models) -> None:
    now = utcnow()
    rows = [("b", now, {"a": [1, 2]}), ("a", None, None)]
    async with database.direct() as session:
        await adding(models).execute(session, rows)
        await adding(models).execute(session, [])
        assert await named(models).fetch(session, ["a", "b", "c"]) == sorted(rows)
    async with database.transaction() as session:
        assert await named(models).fetch(session, ["b"]) == rows[:1]


async def test_spans_are_looked_up_each_for_itself(database: Database, models: Models) -> None:
    at = utcnow()
    columns = models.things.c
    lookup = SpanLookup((columns.name, columns.at), by=(columns.name,), within=columns.at, where="1 = 1", most=2)
    hour = timedelta(hours=1)
    rows = [(name, at + number * hour) for number, name in enumerate("abc")]
    ends = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC, microsecond=0))
    async with database.direct() as session:
        await adding(models).execute(session, [(*row, None) for row in rows])
        assert await lookup.fetch(session, [("a", at, at), ("b", at + 2 * hour, ends[1])]) == rows[:1]
        assert len(await lookup.fetch(session, [(name, *ends) for name in "abc"])) == 2
    async with database.transaction() as session:
        assert await lookup.fetch(session, [("c", ends[0], at + 2 * hour), ("a", ends[0], at - hour)]) == rows[2:]
        assert await lookup.fetch(session, [("d", *ends)]) == []


async def test_updates_find_their_rows(database: Database, models: Models) -> None:
    now = utcnow()
    update = Update(models.things, by=("name",), names=("at", "value"))
    async with database.direct() as session:
        await adding(models).execute(session, [(name, None, 1) for name in "abc"])
        assert await update.execute(session, [("b", now, [[1, 2]]), ("c", None, None), ("unknown", None, 3)]) == 2
        assert await named(models).fetch(session, "abc") == [("a", None, 1), ("b", now, [[1, 2]]), ("c", None, None)]
    async with database.transaction() as session:
        assert await update.execute(session, [("a", now, 2)]) == 1
        assert await named(models).fetch(session, "a") == [("a", now, 2)]


async def test_an_update_may_change_what_finds_its_row(database: Database, models: Models) -> None:
    rename = Update(models.things, by=("name",), names=("name",))
    async with database.direct() as session:
        await adding(models).execute(session, [("a", None, 1), ("b", None, 2)])
        assert await rename.execute(session, [("a", "c"), ("x", "y")]) == 1
    assert await stored(database, models, "a", "b", "c") == ["b", "c"]


async def test_rows_are_inserted_in_their_order(database: Database, models: Models) -> None:
    names = [f"{number * 7919 % 300:03d}" for number in range(300)]
    async with database.direct() as session:
        await adding(models).execute(session, [(name, None, None) for name in names])
    async with database.reading() as session:
        found = await session.scalars(sa.select(models.things.c.name).order_by(models.things.c.id))
    assert list(found) == names


async def test_a_text_too_long_is_an_error_as_ever(database: Database, models: Models) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite knows no lengths")
    with pytest.raises(Exception, match="too long"):
        async with database.direct() as session:
            await adding(models).execute(session, [("a" * 51, None, None)])


def test_a_column_must_exist(models: Models) -> None:
    with pytest.raises(KeyError):
        Insert(models.things, ("name", "nonsense"))


async def test_an_error_leaves_nothing_behind(database: Database, models: Models) -> None:
    with pytest.raises(KeyError):  # noqa: PT012 # the transaction must see it
        async with database.direct() as session:
            await adding(models).execute(session, [("a", None, 1)])
            raise KeyError
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with database.direct() as session:
            await adding(models).execute(session, [("a", None, 1), ("a", None, 1)])
    assert await stored(database, models, "a") == []


async def test_a_cancelled_one_leaves_nothing_behind(database: Database, models: Models) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        async with database.direct() as session:
            await adding(models).execute(session, [("a", None, 1)])
            begun.set()
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    await begun.wait()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert await stored(database, models, "a") == []


async def test_sessions_and_direct_transactions_take_turns(database: Database, models: Models) -> None:
    async def one(name: str) -> None:
        async with database.direct() as session:
            await adding(models).execute(session, [(name, None, 1)])

    async def other(name: str) -> None:
        async with database.transaction() as session:
            await session.execute(models.things.insert(), {"name": name})

    names = [f"n{number:02d}" for number in range(20)]
    await asyncio.gather(*(one(name) if number % 2 else other(name) for number, name in enumerate(names)))
    assert await stored(database, models, *names) == names


async def test_nobody_listens() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable):
        async with database.direct():
            pass
    await database.close()


@pytest.mark.postgres
@pytest.mark.timeout(60)
async def test_a_server_that_dies_is_unavailable_and_comes_back(server: LocalPostgres) -> None:
    database = Database(server.url, pool_size=1)
    table = sa.Table("direct", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    insert = Insert(table, ("id",))
    async with database.transaction() as session:
        await session.execute(sa.text("CREATE TABLE direct (id integer PRIMARY KEY)"))
    with pytest.raises(DatabaseUnavailable):  # noqa: PT012 # the transaction must see it
        async with database.direct() as direct:
            await insert.execute(direct, [(1,)])
            server.kill()
            await insert.execute(direct, [(2,)])
    server.start()
    async with database.direct() as direct:
        await insert.execute(direct, [(1,)])
    async with database.transaction() as session:
        await session.execute(sa.text("DROP TABLE direct"))
    await database.close()
