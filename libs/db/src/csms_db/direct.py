"""Write transactions of hot paths: statements are compiled by SQLAlchemy once and executed by the driver itself.

`Database.transaction()` costs about a millisecond of CPU per batch in sessions, connections, results and look-ups of
parameters by name. `Database.direct()` gives a `Direct`, which takes only the statements of `csms_db.statements`; both
are the same transactions on the same connections.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, Protocol

import asyncpg
from csms_runtime import metrics
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util.concurrency import greenlet_spawn

from csms_db import sqlite_driver, traced
from csms_db.errors import DatabaseUnavailable, kind, unavailable

_DRIVER_ERRORS = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""TimeoutError is an OSError."""
Parameters = Sequence[Any]
Columns = Sequence[Sequence[Any]]


class Direct(Protocol):
    """A connection in a write transaction, as `csms_db.statements` use it. Raises the driver's errors."""

    dialect: Dialect

    async def write(self, sql: str, columns: Columns) -> int:
        """Execute for all rows, given by columns of equal length, and return how many were written.

        The statement takes a row on SQLite, an array for each column on PostgreSQL.
        """
        ...

    async def fetch(self, sql: str, parameters: Parameters) -> Sequence[Sequence[Any]]:
        """Execute and return all rows."""
        ...


class _Sqlite:
    """The statements run on the event loop's thread; see `csms_db.sqlite_driver`."""

    def __init__(self, connection: sqlite3.Connection, dialect: Dialect) -> None:
        self.dialect = dialect
        self._connection = connection

    async def write(self, sql: str, columns: Columns) -> int:
        return self._connection.executemany(sql, zip(*columns, strict=True)).rowcount

    async def fetch(self, sql: str, parameters: Parameters) -> Sequence[Sequence[Any]]:
        return self._connection.execute(sql, parameters).fetchall()

    async def begin(self) -> None:
        await sqlite_driver.begin_immediate(self._connection)

    async def commit(self) -> None:
        await sqlite_driver.in_thread(self._connection.commit)

    async def roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.rollback()

    @property
    def is_lost(self) -> bool:
        return False


class _Postgresql:
    def __init__(self, connection: asyncpg.Connection, dialect: Dialect) -> None:
        self.dialect = dialect
        self._connection = connection
        self._transaction = connection.transaction()

    async def write(self, sql: str, columns: Columns) -> int:
        status: str = await self._connection.execute(sql, *columns)  # "UPDATE 3", "INSERT 0 3"
        return int(status.rpartition(" ")[2])

    async def fetch(self, sql: str, parameters: Parameters) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = await self._connection.fetch(sql, *parameters)
        return rows

    async def begin(self) -> None:
        await self._transaction.start()

    async def commit(self) -> None:
        await self._transaction.commit()

    async def roll_back(self) -> None:
        if self._connection.is_in_transaction():
            await self._transaction.rollback()

    @property
    def is_lost(self) -> bool:
        return bool(self._connection.is_closed())


_KINDS: dict[str, Callable[[Any, Dialect], "_Sqlite | _Postgresql"]] = {"sqlite": _Sqlite, "postgresql": _Postgresql}


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, name: str, queueing: Callable[[], AbstractContextManager[None]] = nullcontext
) -> AsyncIterator[Direct]:
    """Commit on leaving the context, roll back when it is left by an error. Raises DatabaseUnavailable.

    `queueing` is entered while a connection is waited for.
    """
    started, outcome = time.perf_counter(), "rolled_back"
    span = traced.begin(name, engine.dialect.name, "transaction")
    try:
        with queueing():
            pooled = await _checked_out(engine, name)
    except BaseException:
        traced.end(span, outcome)
        raise
    direct = _KINDS[engine.dialect.name](pooled.driver_connection, engine.dialect)
    try:
        await direct.begin()
        traced.connected(span)
        yield direct
        await direct.commit()
        outcome = "committed"
    except BaseException as error:
        await _abandon(direct, pooled, error)
        found = unavailable(name, error) if isinstance(error, _DRIVER_ERRORS) else None
        if found is not None:
            metrics.DB_UNAVAILABLE.labels(name).inc()
            raise found from error
        if isinstance(error, _DRIVER_ERRORS) and direct.is_lost:
            raise _unavailable(name, error) from error
        raise
    finally:
        await greenlet_spawn(pooled.close)
        metrics.DB_TRANSACTION_SECONDS.labels(name, outcome).observe(time.perf_counter() - started)
        traced.end(span, outcome)


async def _checked_out(engine: AsyncEngine, name: str) -> PoolProxiedConnection:
    # A server that refuses a connection makes an error of SQLAlchemy's driver, which is none of SQLAlchemy's own.
    refused: type[Exception] = engine.dialect.loaded_dbapi.Error
    try:
        pooled: PoolProxiedConnection = await greenlet_spawn(engine.sync_engine.raw_connection)
    except (*_DRIVER_ERRORS, SQLAlchemyError, refused) as error:
        raise _unavailable(name, error) from error
    return pooled


async def _abandon(direct: _Sqlite | _Postgresql, pooled: PoolProxiedConnection, error: BaseException) -> None:
    """Roll back; a connection whose state nobody knows is not used again."""
    unknown = direct.is_lost or isinstance(error, asyncio.CancelledError | TimeoutError)
    if not unknown or isinstance(direct, _Sqlite):
        try:
            await direct.roll_back()
        except _DRIVER_ERRORS:
            unknown = True
    if unknown and not isinstance(direct, _Sqlite):
        await greenlet_spawn(pooled.invalidate)


def _unavailable(name: str, error: BaseException) -> DatabaseUnavailable:
    metrics.DB_UNAVAILABLE.labels(name).inc()
    return DatabaseUnavailable(f"{name}: {kind(error)}")
