"""What 0019 does to stations that are there already: they are compared without case from then on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from csms_db import migrations
from csms_db.engine import Database
from csms_db.opening import migrated
from csms_runtime.starting import CannotStart
from csms_testing.databases import DIALECTS, TestDatabases, scripts_before

PACKAGE, SCHEMA = "csms_device_mgmt", "devices"
STATION = """
    INSERT INTO stations (
        station_id, registration, onboarding, vendor_ids, password_set, revision, next_request_id, connection_open,
        created_at, updated_at
    )
    VALUES (:id, 'Accepted', 'none', '[]', false, 1, 1, false, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00')
"""


@pytest.fixture(params=DIALECTS)
async def url(request: pytest.FixtureRequest, test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[str]:
    """A database of the version before."""
    sqlite = request.param == "sqlite"
    made = f"sqlite:///{tmp_path / 'old.db'}" if sqlite else test_databases.empty_postgresql()
    await migrations.upgrade(made, SCHEMA, scripts_before(PACKAGE, "0019", tmp_path))
    yield made
    test_databases.discard(made)


async def execute(url: str, *statements: tuple[str, dict[str, object]]) -> None:
    database = Database(url, SCHEMA)
    async with database.transaction() as session:
        for statement, parameters in statements:
            await session.execute(sa.text(statement), parameters)
    await database.close()


async def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    database = Database(url, SCHEMA)
    async with database.reading() as session:
        found = [tuple(row) for row in await session.execute(sa.text(statement))]
    await database.close()
    return found


async def test_stations_keep_their_spelling(url: str) -> None:
    await execute(url, *((STATION, {"id": name}) for name in ("CS-One", "RDÄM", "x")))
    await migrated(url, SCHEMA, PACKAGE)
    found = await rows(url, "SELECT station_id, station_key FROM stations ORDER BY station_key")
    assert found == [("CS-One", "cs-one"), ("RDÄM", "rdÄm"), ("x", "x")]


async def test_twins_are_named_and_nothing_is_changed(url: str) -> None:
    await execute(url, *((STATION, {"id": name}) for name in ("CS1", "cs1", "X", "y", "Y")))
    with pytest.raises(CannotStart) as ended:
        await migrated(url, SCHEMA, PACKAGE)
    text = str(ended.value)
    assert "CS1, cs1, Y, y." in text
    assert "DELETE /api/v1/stations/{id}" in text
    assert "\n" not in text
    assert await migrations.current(url, SCHEMA) == "0018"
    await execute(url, ("DELETE FROM stations WHERE station_id IN ('cs1', 'y')", {}))
    await migrated(url, SCHEMA, PACKAGE)
