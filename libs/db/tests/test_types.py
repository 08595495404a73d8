"""What goes into a column comes out again, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from csms_db.engine import Database
from sqlalchemy.exc import StatementError

Models = SimpleNamespace
MOMENT = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)


async def round_trip(database: Database, models: Models, **values: Any) -> Any:
    async with database.transaction() as session:
        await session.execute(models.things.insert(), {"name": "a", **values})
    async with database.reading() as session:
        return (await session.execute(sa.select(models.things))).one()


@pytest.mark.parametrize(
    "moment",
    [
        MOMENT,
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        None,
    ],
)
async def test_moment(database: Database, models: Models, moment: datetime | None) -> None:
    found = (await round_trip(database, models, at=moment)).at
    assert found == moment
    assert found is None or found.utcoffset() == timedelta(0)


async def test_moment_without_a_zone_is_refused(database: Database, models: Models) -> None:
    with pytest.raises(StatementError, match="zone"):
        await round_trip(database, models, at=datetime(2026, 1, 1))  # noqa: DTZ001 what is tested


async def test_moments_sort_and_compare(database: Database, models: Models) -> None:
    moments = [datetime(1960, 1, 1, tzinfo=UTC), MOMENT, MOMENT + timedelta(microseconds=1)]
    rows = [{"name": str(number), "at": moment} for number, moment in enumerate(reversed(moments))]
    async with database.transaction() as session:
        await session.execute(models.things.insert(), rows)
    at = models.things.c.at
    async with database.reading() as session:
        assert (await session.scalars(sa.select(at).order_by(at))).all() == moments
        assert (await session.scalars(sa.select(at).where(at > MOMENT))).all() == moments[2:]
        assert await session.scalar(sa.select(sa.func.min(at))) == moments[0]


@pytest.mark.parametrize("value", [{"a": [1, 2.5, "ü", None, {}]}, [], 0, 1.5, True, "12", "null", None])
async def test_json(database: Database, models: Models, value: Any) -> None:
    found = (await round_trip(database, models, value=value)).value
    assert found == value
    assert type(found) is type(value)


async def test_json_none_is_null(database: Database, models: Models) -> None:
    await round_trip(database, models, value=None)
    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).where(models.things.c.value.is_(None))) == 1
