"""What 0012 does to stations that are there already: they are compared without case from then on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from csms_db import migrations
from csms_db.engine import Database
from csms_db.opening import migrated
from csms_runtime.starting import CannotStart
from csms_testing.databases import DIALECTS, TestDatabases, scripts_before

PACKAGE, SCHEMA = "csms_auth", "auth"
STATION = """
    INSERT INTO stations (
        station_id, revision, security_profile, serial_number, message_timeout_s, password_revision, deleted, updated_at
    )
    VALUES (:id, 1, 0, :serial, 0, 1, :deleted, '2026-01-01 00:00:00+00')
"""


@pytest.fixture(params=DIALECTS)
async def url(request: pytest.FixtureRequest, test_databases: TestDatabases, tmp_path: Path) -> AsyncIterator[str]:
    """A database of the version before."""
    sqlite = request.param == "sqlite"
    made = f"sqlite:///{tmp_path / 'old.db'}" if sqlite else test_databases.empty_postgresql()
    await migrations.upgrade(made, SCHEMA, scripts_before(PACKAGE, "0012", tmp_path))
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


def known(name: str, *, deleted: bool = False, serial: str = "") -> tuple[str, dict[str, object]]:
    return STATION, {"id": name, "deleted": deleted, "serial": serial}


async def test_stations_keep_their_spelling(url: str) -> None:
    await execute(url, known("CS-One", serial="SN-1"), known("RDÄM"), known("cs-one", deleted=True))
    await migrated(url, SCHEMA, PACKAGE)
    found = await rows(url, "SELECT station_id, station_key, serial_key FROM stations")
    assert sorted(found) == [("CS-One", "cs-one", "sn-1"), ("RDÄM", "rdÄm", ""), ("cs-one", "cs-one", "")]


async def test_twins_are_named_and_nothing_is_changed(url: str) -> None:
    await execute(url, known("CS1"), known("cs1"))
    with pytest.raises(CannotStart, match=r"CS1, cs1\. Nothing was changed"):
        await migrated(url, SCHEMA, PACKAGE)
    assert await migrations.current(url, SCHEMA) == "0011"
