"""A service's PostgreSQL database, when the service is a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from csms_runtime.settings import RuntimeSettings

from csms_db.engine import Database
from csms_db.errors import CannotMigrateError
from csms_db.migrations import upgrade, verify


@asynccontextmanager
async def opened(settings: RuntimeSettings, schema: str, migrations: str) -> AsyncIterator[Database]:
    """Open the database that the settings name, and close it at the end. Raises as `csms_db.migrations.verify` does."""
    url = settings.require_database_url()
    await verify(url, schema, migrations)
    database = Database(url, schema, pool_size=settings.database_pool_size)
    try:
        yield database
    finally:
        await database.close()


async def migrate(settings: RuntimeSettings, schema: str, migrations: str) -> None:
    """Bring the schema of the database that the settings name to this version. Raises SystemExit as `migrated` does."""
    await migrated(settings.require_database_url(), schema, migrations)


async def migrated(url: str, schema: str, migrations: str) -> None:
    """Bring a schema to this version. Raises SystemExit, with one line that says why, when people have to act first."""
    try:
        await upgrade(url, schema, migrations)
    except CannotMigrateError as error:
        raise SystemExit(f"The database of {schema} cannot be brought to this version: {error}") from None
