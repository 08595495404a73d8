"""Databases for tests, built by a service's migrations: a fresh one for each test, quickly, on SQLite and PostgreSQL.

A service's conftest.py says `database = database_fixture("csms_auth", schema="auth")`; a test that takes `database`
then runs on both. CSMS_TEST_DATABASE_URL names a running server (its user must be allowed to create databases); else
the machine's own PostgreSQL is started once per session, and without one those tests are skipped (in CI: fail).
Migrations must not put rows into tables: databases are emptied and used again.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import asyncpg
import pytest
from csms_db.engine import Database
from csms_db.migrations import Scripts, upgrade
from csms_runtime.ids import new_id
from sqlalchemy.engine import make_url

from csms_testing.postgres import LocalPostgres, postgres_requirement
from csms_testing.requirements import require

Dialect = Literal["sqlite", "postgresql"]
DIALECTS: Sequence[Any] = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
"""For `pytest.fixture(params=...)`."""
TEST_URL = "CSMS_TEST_DATABASE_URL"

T = TypeVar("T")


class TestDatabases:
    """Makes databases for one test session: migrates a template once, copies it for each test.

    Blocks; may be called with or without a running event loop. Use the fixture `test_databases`.
    """

    __test__ = False  # not a test class, whatever its name looks like

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: LocalPostgres | None = None
        self._templates: dict[Scripts, Path] = {}
        """SQLite files that are copied."""
        self._free: dict[tuple[Scripts, str], list[str]] = {}
        """URLs of migrated, empty PostgreSQL databases."""
        self._used: dict[str, tuple[Scripts, str]] = {}
        self._made: list[str] = []

    def fresh(self, dialect: Dialect, scripts: Scripts, schema: str, directory: Path) -> str:
        """Return the URL of a new database at the newest migration. SQLite's file is put into `directory`."""
        if dialect == "postgresql":
            return self.postgresql(scripts, schema)
        path = directory / f"{schema}-{new_id()}.db"
        shutil.copyfile(self._sqlite_template(scripts, schema), path)
        return f"sqlite:///{path}"

    def empty_postgresql(self, language: str | None = None) -> str:
        """Return the URL of a new PostgreSQL database with nothing in it. Skips the test without a server.

        `language`: texts are in its order, as on most servers ("en-US"); None: as on the server.
        """
        server, name = self.server_url(), f"csms_test_{new_id().replace('-', '_')}"
        order = f" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '{language}'" if language else ""
        in_thread(lambda: _execute(server, f'CREATE DATABASE "{name}"{order}'))
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
        self._made.append(url)
        return url

    def postgresql(self, scripts: Scripts, schema: str) -> str:
        """Return the URL of an empty PostgreSQL database with this schema migrated. Skips the test without a server."""
        free = self._free.setdefault((scripts, schema), [])
        url = free.pop() if free else self._migrated(scripts, schema)
        self._used[url] = (scripts, schema)
        return url

    def discard(self, url: str) -> None:
        """Give back what `fresh` or `empty_postgresql` returned; SQLite's files go with their directory."""
        if url in self._used:
            scripts, schema = self._used.pop(url)
            in_thread(lambda: _truncate(url, schema))
            self._free[scripts, schema].append(url)
        elif url in self._made:
            self._made.remove(url)
            in_thread(lambda: self._drop([url]))

    def server_url(self) -> str:
        """Return the URL of the PostgreSQL server. Skips the test when there is none."""
        named = os.environ.get(TEST_URL)
        if named:
            return named
        require(postgres_requirement())
        if self._server is None:
            self._server = LocalPostgres(durable=False)
            self._server.start()
        return self._server.url

    def close(self) -> None:
        """Drop what was made, stop the server."""
        if self._server is not None:
            self._server.close()
        elif self._made:
            in_thread(lambda: self._drop(self._made))

    def _sqlite_template(self, scripts: Scripts, schema: str) -> Path:
        if scripts not in self._templates:
            path = self._directory / f"template-{len(self._templates)}.db"
            in_thread(lambda: upgrade(f"sqlite:///{path}", schema, scripts))
            self._templates[scripts] = path
        return self._templates[scripts]

    def _migrated(self, scripts: Scripts, schema: str) -> str:
        url = self.empty_postgresql()
        in_thread(lambda: upgrade(url, schema, scripts))
        return url

    async def _drop(self, urls: list[str]) -> None:
        for url in urls:
            await _execute(self.server_url(), f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')


async def _truncate(url: str, schema: str) -> None:
    connection = await _connect(url)
    try:
        tables = await connection.fetch(
            "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = $1 AND tablename <> $2",
            schema,
            "alembic_version",
        )
        names = ", ".join(f'"{schema}".{table["name"]}' for table in tables)
        await connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    finally:
        await connection.close()


async def _execute(url: str, statement: str) -> None:
    connection = await _connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _connect(url: str) -> Any:  # noqa: ANN401 asyncpg has no types
    return await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))


def in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a thread and event loop of its own and wait for it: for fixtures, whatever loop is running."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001 raised again by the caller
            errors.append(error)

    thread = threading.Thread(target=run, name="test-database")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def database_fixture(scripts: Scripts, schema: str, dialects: Sequence[Any] = DIALECTS) -> Any:  # noqa: ANN401 pytest's
    """Return a fixture: a fresh migrated Database, once on SQLite and once on PostgreSQL."""

    @pytest.fixture(params=dialects)
    async def database(
        request: pytest.FixtureRequest, test_databases: TestDatabases, tmp_path: Path
    ) -> AsyncIterator[Database]:
        url = test_databases.fresh(request.param, scripts, schema, tmp_path)
        opened = Database(url, schema)
        yield opened
        await opened.close()
        test_databases.discard(url)

    return database
