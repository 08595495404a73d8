"""A service's database, when a process starts: what stands against using it is told in one line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import structlog
from csms_runtime import metrics
from csms_runtime.dependencies import watched
from csms_runtime.health import Health
from csms_runtime.settings import DatabaseAccess
from csms_runtime.starting import CannotStart, StoppedEarly
from csms_runtime.waiting import wait_for
from sqlalchemy.exc import DBAPIError

from csms_db import url as urls
from csms_db.engine import Database
from csms_db.errors import CannotMigrateError, NotMigratedError, is_transient
from csms_db.migrations import Scripts, upgrade, verify

_log = structlog.get_logger(__name__)

_REFUSED = ("28", "3D")
"""Classes of PostgreSQL's SQLSTATE: a wrong user or password, an unknown database."""

_BROKEN = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})
"""What SQLite says of a file that is no database, or a damaged one."""


_MIGRATE = "run the service's `migrate` command"
_LOOK_S = 2.0
_TELL_S = 30.0
"""How often the log says again that the database is not migrated."""
_COMPONENT = "database-schema"
"""The component of `/readyz` that says that the database is not migrated yet."""


@asynccontextmanager
async def opened(
    settings: DatabaseAccess, schema: str, migrations: Scripts, health: Health, stop: asyncio.Event | None = None
) -> AsyncIterator[Database]:
    """Open the PostgreSQL database that the settings name, once it is migrated, and close it at the end.

    `health` shows while it does not answer. Raises CannotStart, also when `stop` is set before it is migrated, and,
    without `stop`, when it is not migrated.
    """
    url = settings.require_database_url()
    with usable(url):
        if stop is None:
            await verify(url, schema, migrations)
        else:
            await _migrated_by_somebody(partial(verify, url, schema, migrations), health, stop)
    async with in_use(Database(url, schema, pool_size=settings.database_pool_size), health) as database:
        yield database


@asynccontextmanager
async def in_use(database: Database, health: Health) -> AsyncIterator[Database]:
    """Watch a database, tell how its pool is, and close it at the end."""
    name = database.name
    metrics.DB_POOL_SIZE.labels(name).set(database.pool_size)
    metrics.DB_POOL_WAITING.labels(name).set_function(lambda: database.waiting)
    metrics.DB_POOL_CONNECTIONS.labels(name, "in_use").set_function(lambda: database.connections_in_use)
    metrics.DB_POOL_CONNECTIONS.labels(name, "idle").set_function(lambda: database.connections_idle)
    try:
        async with watched(f"database-{name}", database.ping, health):
            yield database
    finally:
        for state in ("in_use", "idle"):
            metrics.DB_POOL_CONNECTIONS.remove(name, state)
        metrics.DB_POOL_WAITING.remove(name)
        metrics.DB_POOL_SIZE.remove(name)
        await database.close()


async def _migrated_by_somebody(look: Callable[[], Awaitable[None]], health: Health, stop: asyncio.Event) -> None:
    """Wait until the migrations have run. Says at once, and again, that it waits."""
    clock = asyncio.get_running_loop().time
    again_at = 0.0
    while True:
        try:
            await look()
        except NotMigratedError as error:
            text = f"{error}: {_MIGRATE}"
        else:
            health.forget(_COMPONENT)
            return
        health.set(_COMPONENT, ok=False, detail=text)
        if clock() >= again_at:
            _log.warning("waiting for migrations", lacking=text)
            again_at = clock() + _TELL_S
        if await wait_for(stop, timeout_s=_LOOK_S):
            raise StoppedEarly(f"told to stop while waiting: {text}")


async def migrate(settings: DatabaseAccess, schema: str, migrations: Scripts) -> None:
    """Bring the schema of the database that the settings name to this version. Raises CannotStart."""
    await migrated(settings.require_database_url(), schema, migrations)


async def migrated(url: str, schema: str, migrations: Scripts) -> None:
    """Bring a schema to this version. Raises CannotStart, also when people have to act first."""
    with usable(url):
        try:
            await upgrade(url, schema, migrations)
        except CannotMigrateError as error:
            raise CannotStart(f"the database of {schema} cannot be brought to this version: {error}") from error


@contextmanager
def usable(url: str) -> Iterator[None]:
    """Make CannotStart of what says that the database cannot be reached, refuses us, or is of another version."""
    try:
        yield
    except CannotStart:
        raise
    except NotMigratedError as error:
        raise CannotStart(f"{error}: {_MIGRATE}") from error
    except Exception as error:
        cause = (error.orig or error) if isinstance(error, DBAPIError) else error
        broken = getattr(cause, "sqlite_errorname", None) in _BROKEN
        refused = str(getattr(cause, "sqlstate", None)).startswith(_REFUSED)
        if not (is_transient(cause) or refused or broken):
            raise
        why = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise CannotStart(f"the database {_shown(url)} cannot be used: {why}") from error


def _shown(url: str) -> str:
    """The URL without the password and without parameters, which may name keys."""
    parsed = urls.parse(url).set(query={})
    return parsed.set(drivername=parsed.get_backend_name()).render_as_string()
