"""Alembic migrations, run in-process: each service keeps its scripts in `<package>/migrations/versions/NNNN_name.py`.

A script is an ordinary Alembic one with `revision = "0001"`, `down_revision = None`, and `upgrade()`; types come from
`csms_db.base`. There is no env.py and no alembic.ini: this module is both. All scripts that are due run in one
transaction; two processes may upgrade at once, the second finds nothing left to do.

A script with `concurrently = True` makes and drops indexes of tables that may be large, with `csms_db.indexes`: on
PostgreSQL it runs outside of a transaction, so that the table can be written meanwhile. What comes before it is
committed before, and the script runs again as a whole if it was cut off.
"""

import asyncio
import importlib.util
import threading
import warnings
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from csms_db import postgresql, sqlite
from csms_db import url as urls
from csms_db.base import new_metadata
from csms_db.errors import NotMigratedError

LOCK_TIMEOUT_S = 10.0
"""How long a migration waits for a table's lock: longer would queue up everyone else behind it."""
TURN_TIMEOUT_S = 3600.0
"""How long to wait while another process migrates the same PostgreSQL schema, or works on a table that gets an index:
an index of a large table takes minutes."""
FILE_TIMEOUT_S = 300.0
"""How long to wait while another process migrates the same SQLite file."""
_TURN_POLL_S = 0.2

T = TypeVar("T")
Scripts = str | Path
"""A service's package ("csms_auth"), or the directory of its migrations."""

_log = structlog.get_logger(__name__)
_alembic_lock = threading.Lock()
"""Alembic keeps the migration in work in module globals."""


async def upgrade(url: str, schema: str | None, scripts: Scripts) -> None:
    """Bring a schema to the newest migration; makes the PostgreSQL schema or SQLite file if it is missing.

    Runs in a thread of its own. Raises SQLAlchemy's and the driver's errors as they are.
    """
    script = _script_directory(scripts)
    parsed = urls.parse(url)
    await asyncio.to_thread(_run, lambda: _upgrade(parsed, schema, script))


async def current(url: str, schema: str | None) -> str | None:
    """Return the revision a schema is at; None when nothing was ever migrated."""
    return await asyncio.to_thread(_run, lambda: _inspect(urls.parse(url), schema, _revision))


def newest(scripts: Scripts) -> str | None:
    """Return the newest revision of a service; None when it has none."""
    return _script_directory(scripts).get_current_head()


async def verify(url: str, schema: str | None, scripts: Scripts) -> None:
    """Raise NotMigratedError unless the schema is at the newest revision: what a service does when it starts.

    A schema that a newer version has migrated is well, too: while services are upgraded, or taken back to the version
    before, old code works on it. Migrations see to that (CONTRIBUTING.md, "Migrations").
    """
    found, wanted = await current(url, schema), newest(scripts)
    if found == wanted:
        return
    if not _is_newer(found, wanted):
        raise NotMigratedError(f"schema {schema} is at migration {found}, the code needs {wanted}")
    _log.warning("the schema is newer than this version", schema=schema, found=found, known=wanted)


async def differences(url: str, schema: str | None, metadata: sa.MetaData) -> list[Any]:
    """Return what Alembic's autogenerate would change to make the schema what the models say; for tests: empty."""

    def compare(connection: sa.Connection) -> list[Any]:
        partitions = _partitions(connection)
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, kind, _parents: kind != "table" or name not in partitions,
        }
        with warnings.catch_warnings():
            # SQLite's are neither read nor compared.
            warnings.filterwarnings("ignore", ".*expression-based index")
            found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return found

    return await asyncio.to_thread(_run, lambda: _inspect(urls.parse(url), schema, compare))


def _partitions(connection: sa.Connection) -> frozenset[str]:
    """The tables that are parts of another one, which migrations or a service make as time goes on."""
    if connection.dialect.name != "postgresql":
        return frozenset()
    found = "SELECT relname FROM pg_class WHERE relispartition AND relnamespace = current_schema()::regnamespace"
    return frozenset(connection.scalars(sa.text(found)))


async def check(url: str, schema: str | None, scripts: Scripts, metadata: sa.MetaData) -> None:
    """Upgrade, then raise AssertionError when the models and the migrated schema differ; for tests."""
    await upgrade(url, schema, scripts)
    found = await differences(url, schema, metadata)
    if found:
        raise AssertionError(f"models and migrations of {scripts} differ: {found}")


def _is_newer(found: str | None, known: str | None) -> bool:
    """Whether a migration is one of a newer version. They have numbers of equal length."""
    return found is not None and known is not None and found > known


def _script_directory(scripts: Scripts) -> ScriptDirectory:
    directory = scripts if isinstance(scripts, Path) else _directory_of(scripts)
    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _directory_of(package: str) -> Path:
    spec = importlib.util.find_spec(package.removesuffix(".migrations"))
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package}")
    return Path(spec.submodule_search_locations[0]) / "migrations"


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run in this thread, with an event loop of its own, one at a time."""
    with _alembic_lock:
        return asyncio.run(work())


async def _upgrade(url: URL, schema: str | None, script: ScriptDirectory) -> None:
    async with _engine(url, schema) as engine, _turn(engine, schema):
        await _run_due(engine, schema, script)


async def _run_due(engine: AsyncEngine, schema: str | None, script: ScriptDirectory) -> None:
    async with engine.connect() as connection:
        before = await connection.run_sync(_revision)
    known = script.get_current_head()
    if _is_newer(before, known):
        _log.warning("the schema is newer than this version: left as it is", schema=schema, found=before, known=known)
        return
    runs = _runs(script, before, transactional=engine.dialect.name == urls.SQLITE)
    for is_concurrent, last in runs:
        if is_concurrent:
            async with _engine(engine.url, schema, lock_timeout_s=TURN_TIMEOUT_S) as patient:
                unbound = patient.execution_options(isolation_level="AUTOCOMMIT")
                async with unbound.connect() as connection:
                    await connection.run_sync(_apply, script, last)
        else:
            async with engine.begin() as connection:
                await connection.run_sync(_apply, script, last)


def _runs(script: ScriptDirectory, before: str | None, *, transactional: bool) -> Sequence[tuple[bool, str]]:
    """Return the runs of scripts that are due, each by its last one, and whether it runs outside of a transaction."""
    due = [found for found in script.iterate_revisions("head", before) if found.revision != before]
    due.reverse()
    groups = groupby(due, key=lambda found: _is_concurrent(found) and not transactional)
    return [(is_concurrent, list(group)[-1].revision) for is_concurrent, group in groups]


def _is_concurrent(script: Script) -> bool:
    return getattr(script.module, "concurrently", False)


def _apply(connection: sa.Connection, script: ScriptDirectory, wanted: str) -> None:
    def steps(revision: Any, _context: MigrationContext) -> Any:  # noqa: ANN401 Alembic's
        return script._upgrade_revs(wanted, revision)  # noqa: SLF001 as Alembic's own command does

    before = _revision(connection)
    if before == wanted:
        return
    _log.info("migrating", directory=str(script.dir), before=before, after=wanted)
    with EnvironmentContext(Config(), script, fn=steps, destination_rev=wanted) as environment:
        # The connection has begun a transaction already, which Alembic then leaves alone: all or nothing.
        environment.configure(
            connection=connection,
            target_metadata=new_metadata(),  # names what a script leaves unnamed
            render_as_batch=connection.dialect.name == urls.SQLITE,
            transactional_ddl=True,
        )
        environment.run_migrations()


@asynccontextmanager
async def _turn(engine: AsyncEngine, schema: str | None) -> AsyncIterator[None]:
    """Wait until no other process migrates this schema, and make the schema. In SQLite, BEGIN IMMEDIATE does it."""
    if engine.dialect.name == urls.SQLITE:
        yield
        return
    name = schema or "public"
    # No transaction: the snapshot of one, too, would be waited for (see _take_turn). The lock goes with the connection.
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as guard:
        await _take_turn(guard, zlib.crc32(f"csms.migrations.{name}".encode()))
        await _make_schema(guard, name)
        yield


async def _make_schema(connection: AsyncConnection, name: str) -> None:
    """Make the schema if it is missing. IF NOT EXISTS would want the right to make one even if it is there."""
    there = sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
    if await connection.scalar(there, {"name": name}) is None:
        await connection.execute(sa.schema.CreateSchema(name))


async def _take_turn(guard: AsyncConnection, lock_id: int) -> None:
    """Take the lock of a schema's migrations. Raises TimeoutError.

    It is tried again and again, for a statement that waited would hold a snapshot meanwhile: CREATE INDEX CONCURRENTLY
    of who has the lock would wait for that one, and neither would end.
    """
    taking = sa.select(sa.func.pg_try_advisory_lock(lock_id))
    async with asyncio.timeout(TURN_TIMEOUT_S):
        while not await guard.scalar(taking):  # noqa: ASYNC110 # another process has it
            await asyncio.sleep(_TURN_POLL_S)


async def _inspect(url: URL, schema: str | None, look: Callable[[sa.Connection], T]) -> T:
    async with _engine(url, schema) as engine, engine.connect() as connection:
        return await connection.run_sync(look)


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@asynccontextmanager
async def _engine(
    url: URL, schema: str | None, *, lock_timeout_s: float = LOCK_TIMEOUT_S
) -> AsyncIterator[AsyncEngine]:
    if urls.dialect(url) == urls.SQLITE:
        engine = sqlite.migrator(url, int(FILE_TIMEOUT_S * 1000))
    else:
        engine = postgresql.migrator(url, schema, lock_timeout_ms=int(lock_timeout_s * 1000))
    try:
        yield engine
    finally:
        await engine.dispose()
