"""What is seen in the order of changes is settled: nothing that is earlier comes later."""

from csms_db import settled
from csms_db.engine import Database


async def test_changes_are_settled_once_all_that_began_before_are_committed(database: Database):
    """On SQLite, where one writes at a time, all that can be seen is."""
    if database.dialect == "sqlite":
        async with database.transaction() as first:
            before = await settled.now_of(first)
        async with database.direct() as second:
            assert await settled.now_of(second) >= before
        assert await until(database) is None
        return
    async with database.transaction() as first:
        began = await settled.now_of(first)
        async with database.direct() as second:
            later = await settled.now_of(second)
        assert await until(database) <= began < later
    assert await until(database) > later


async def until(database: Database):
    async with database.reading() as session:
        return await settled.settled_until(session)
