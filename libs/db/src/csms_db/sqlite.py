"""SQLite as a server database: write-ahead log, one writer at a time, durable commits."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from csms_db.json import JSON_OPTIONS
from csms_db.sqlite_driver import SqliteModule

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another process (a backup, a person's shell); inside this process nobody waits for a lock."""
READERS = 4
_POOL_TIMEOUT_S = 30.0


def writer(url: URL) -> AsyncEngine:
    """Return the engine of write transactions: one connection, so that writers queue up here instead of in SQLite.

    BEGIN IMMEDIATE takes the write lock at once: a transaction that reads first can then never fail when it writes.
    """
    return _engine(url, size=1, begin="BEGIN IMMEDIATE", foreign_keys=True, direct=True)


def reader(url: URL) -> AsyncEngine:
    """Return the engine of read transactions: each sees one snapshot and never waits for the writer."""
    return _engine(url, size=READERS, begin="BEGIN", foreign_keys=True, query_only=True)


def migrator(url: URL, busy_timeout_ms: int) -> AsyncEngine:
    """Return an engine for migrations: foreign keys are off, since changing a table means to drop and copy it."""
    return _engine(url, size=1, begin="BEGIN IMMEDIATE", foreign_keys=False, busy_timeout_ms=busy_timeout_ms)


def _engine(
    url: URL,
    *,
    size: int,
    begin: str,
    foreign_keys: bool,
    query_only: bool = False,
    direct: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
) -> AsyncEngine:
    engine = create_async_engine(
        url,
        module=SqliteModule(direct=direct),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=_POOL_TIMEOUT_S,
        hide_parameters=True,
        **JSON_OPTIONS,
    )
    pragmas = [
        f"busy_timeout={busy_timeout_ms}",
        "journal_mode=WAL",
        "synchronous=FULL",
        f"foreign_keys={int(foreign_keys)}",
        f"query_only={int(query_only)}",
    ]
    sa.event.listen(engine.sync_engine, "connect", _on_connect(pragmas))
    sa.event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _on_connect(pragmas: list[str]) -> Any:  # noqa: ANN401 an event handler
    def on_connect(connection: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 the driver's connection
        connection.isolation_level = None  # the driver must not begin transactions by itself
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return on_connect
