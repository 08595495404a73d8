"""One replica counts, slice by slice, and all tell the result."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_db.counting import Counted, Counting, slices
from csms_db.engine import Database

Models = SimpleNamespace


class Replica:
    """Counts its turns."""

    def __init__(self, database: Database, table: sa.Table, interval_s: float = 3600) -> None:
        self.told: list[Counted] = []
        self.counted = 0
        self.counting = Counting(
            database,
            table,
            "things",
            count=self._count,
            tell=lambda counted, _at: self.told.append(counted),
            interval_s=interval_s,
        )

    async def _count(self) -> Counted:
        self.counted += 1
        return {"things": self.counted}


async def set_times(database: Database, table: sa.Table, **times: datetime | None) -> None:
    async with database.transaction() as session:
        await session.execute(sa.update(table).values(**times))


async def test_one_counts_and_all_tell(database: Database, models: Models) -> None:
    first, second = Replica(database, models.counts), Replica(database, models.counts)
    assert await first.counting.turn()
    assert not await second.counting.turn()
    assert not await first.counting.turn()
    assert (first.counted, second.counted) == (1, 0)
    assert (first.told, second.told) == ([{"things": 1}, {"things": 1}], [{"things": 1}])


async def test_whoever_comes_first_counts_again_after_the_interval(database: Database, models: Models) -> None:
    first, second = Replica(database, models.counts), Replica(database, models.counts)
    await first.counting.turn()
    an_hour_ago = datetime.now(UTC) - timedelta(seconds=3601)
    await set_times(database, models.counts, begun_at=an_hour_ago, counted_at=an_hour_ago)
    assert await second.counting.turn()
    assert not await first.counting.turn()


async def test_a_count_that_was_begun_and_not_ended_is_begun_anew_later(database: Database, models: Models) -> None:
    replica = Replica(database, models.counts)
    await replica.counting.turn()
    now = datetime.now(UTC)
    await set_times(database, models.counts, begun_at=now - timedelta(hours=2), counted_at=now - timedelta(hours=3))
    assert not await replica.counting.turn()
    await set_times(database, models.counts, begun_at=now - timedelta(hours=11), counted_at=None)
    assert await replica.counting.turn()


@pytest.mark.parametrize("rows", [1, 3, 4, 100], ids=str)
async def test_slices_have_each_row_once(database: Database, models: Models, rows: int) -> None:
    things, names = models.things, [f"{letter}{number % 3}" for number, letter in enumerate("aAbBzZäöé_-")]
    async with database.transaction() as session:
        await session.execute(things.insert(), [{"name": name} for name in [*names, "left out"]])
    found: list[str] = []
    number = 0
    async for which in slices(database, things.c.name, things.c.name != "left out", rows=rows):
        async with database.reading() as session:
            some = (await session.scalars(sa.select(things.c.name).where(which))).all()
        assert len(some) <= rows
        found += some
        number += 1
    assert sorted(found) == sorted(names)
    assert number == len(names) // rows + 1


async def test_rows_of_one_key_are_in_one_slice(database: Database, models: Models) -> None:
    things, parts = models.things, models.parts
    async with database.transaction() as session:
        await session.execute(things.insert(), [{"id": number, "name": str(number)} for number in (1, 2)])
        await session.execute(parts.insert(), [{"thing_id": thing} for thing in (1, 1, 1, 2, 2)])
    sizes = []
    async for which in slices(database, parts.c.thing_id, rows=2):
        async with database.reading() as session:
            sizes.append(len((await session.scalars(sa.select(parts.c.id).where(which))).all()))
    assert sum(sizes) == 5
    assert sizes[:2] == [3, 2]
