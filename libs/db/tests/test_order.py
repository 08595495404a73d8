"""What leads PostgreSQL to an index means the same on both databases."""

import pytest
import sqlalchemy as sa
from csms_db.by_time import ByTime
from csms_db.sql import apart, begins_with
from csms_runtime.clock import from_ms

NAMES = ("a", "ab", "ab\U0010ffff", "ab\ud7ff", "ab\ue000", "aB", "b", "ä", "äb", "a%", "ab%c", "\U0010ffff")


@pytest.fixture
async def stored(database, models):
    async with database.transaction() as session:
        rows = [{"name": name, "at": from_ms(number // 2 * 1000)} for number, name in enumerate(NAMES)]
        await session.execute(models.things.insert(), rows)
    return database


@pytest.mark.parametrize("prefix", ["", "a", "ab", "aB", "ab\ud7ff", "ab\U0010ffff", "\U0010ffff", "ä", "a%", "x"])
async def test_begins_with_is_what_python_says(stored, models, prefix):
    async with stored.reading() as session:
        query = sa.select(models.things.c.name).where(begins_with(models.things.c.name, prefix))
        found = (await session.scalars(query)).all()
    assert sorted(found) == sorted(name for name in NAMES if name.startswith(prefix))


async def test_apart_is_the_value_itself(stored, models):
    things = models.things.c
    query = sa.select(things.name).where(apart(things.name) == things.name, apart(things.at) == apart(things.at))
    async with stored.reading() as session:
        assert len((await session.scalars(query)).all()) == len(NAMES)


@pytest.mark.parametrize("filtered", [True, False])
@pytest.mark.parametrize("oldest_first", [True, False])
async def test_pages_in_the_order_of_a_time(stored, models, filtered, oldest_first):
    """Two rows have each time; none comes twice, none is left out."""
    things = models.things.c
    listed = ByTime(things.at, things.id, filtered=filtered, oldest_first=oldest_first)
    seen, after = [], None
    async with stored.reading() as session:
        while rows := (await session.execute(listed.page(sa.select(things.at, things.id), after).limit(3))).all():
            seen += [row.id for row in rows]
            after = (rows[-1].at, rows[-1].id)
        assert seen == sorted(seen, reverse=not oldest_first)
        assert len(seen) == len(NAMES)
        at = from_ms(2000)
        since = sa.select(sa.func.count()).select_from(models.things)
        assert await session.scalar(since.where(listed.since(at))) == len(NAMES) - 4
        assert await session.scalar(since.where(listed.until(at))) == 4
