"""Numbers of connections, on both databases."""

from csms_auth.store import connection_numbers
from csms_db.engine import Database


async def take(database: Database, *station_ids: str, now_ms: int = 1_000) -> list[int]:
    async with database.transaction() as session:
        return await connection_numbers.take(session, station_ids, now_ms)


async def test_numbers_of_a_station_only_grow(database: Database) -> None:
    numbers = [(await take(database, "CS1"))[0] for _ in range(3)]
    assert numbers == sorted(set(numbers))


async def test_a_clock_that_is_put_back_changes_nothing(database: Database) -> None:
    (before,) = await take(database, "CS1", now_ms=5_000)
    (after,) = await take(database, "CS1", now_ms=1)
    assert after > before


async def test_numbers_are_above_those_of_a_lost_database(database: Database) -> None:
    (number,) = await take(database, "CS1", now_ms=1_767_225_600_000)
    assert number > 1_767_225_600_000


async def test_a_station_that_comes_twice_in_a_batch_gets_two_in_order(database: Database) -> None:
    for _ in range(2):
        first, other, second, third = await take(database, "CS1", "CS2", "CS1", "CS1")
        assert first < second < third
    assert (await take(database, "CS1"))[0] > third
    assert (await take(database, "CS2"))[0] > other


async def test_nothing_to_number(database: Database) -> None:
    assert await take(database) == []


async def test_many_at_once(database: Database) -> None:
    ids = [f"CS{number}" for number in range(2_000)]
    first = await take(database, *ids)
    second = await take(database, *ids)
    assert all(a < b for a, b in zip(first, second, strict=True))
