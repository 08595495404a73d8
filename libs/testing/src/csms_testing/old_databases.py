"""Databases as an earlier version left them, for tests of what a migration does to rows that are there already."""

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from csms_db import migrations
from csms_db.engine import Database
from csms_db.opening import migrated

from csms_testing.databases import DIALECTS, TestDatabases


class OldDatabase:
    """A service's database before a revision."""

    def __init__(self, url: str, package: str, schema: str) -> None:
        self._url = url
        self._package = package
        self._schema = schema

    async def execute(self, statement: str, *rows: dict[str, object]) -> None:
        """Execute SQL, for each of these parameters."""
        database = Database(self._url, self._schema)
        async with database.transaction() as session:
            await session.execute(sa.text(statement), list(rows) or None)
        await database.close()

    async def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Return what a query finds."""
        database = Database(self._url, self._schema)
        async with database.reading() as session:
            found = [tuple(row) for row in await session.execute(sa.text(statement))]
        await database.close()
        return found

    async def migrate(self) -> None:
        """Bring it to the newest revision as a service does. Raises CannotStart."""
        await migrated(self._url, self._schema, self._package)

    async def revision(self) -> str | None:
        """Return the revision it is at."""
        return await migrations.current(self._url, self._schema)


def old_database_fixture(package: str, schema: str, *, before: str) -> Any:  # noqa: ANN401 pytest's
    """Return a fixture: an empty OldDatabase of the revision before this one, once on SQLite and once on PostgreSQL."""

    @pytest.fixture(params=DIALECTS)
    async def old(
        request: pytest.FixtureRequest, test_databases: TestDatabases, tmp_path: Path
    ) -> AsyncIterator[OldDatabase]:
        sqlite = request.param == "sqlite"
        url = f"sqlite:///{tmp_path / 'old.db'}" if sqlite else test_databases.empty_postgresql()
        await migrations.upgrade(url, schema, _scripts(package, before, tmp_path))
        yield OldDatabase(url, package, schema)
        test_databases.discard(url)

    return old


def _scripts(package: str, before: str, directory: Path) -> Path:
    """Return a directory with those of a service's migrations that come before a revision."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package}")
    versions = directory / "scripts" / "versions"
    versions.mkdir(parents=True)
    for path in (Path(spec.submodule_search_locations[0]) / "migrations" / "versions").glob("*.py"):
        if path.name < before:
            (versions / path.name).write_text(path.read_text())
    return versions.parent
