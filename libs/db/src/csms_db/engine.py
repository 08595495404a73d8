"""A service's database: write transactions and read transactions, the same on PostgreSQL and SQLite."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Literal, cast

import asyncpg
import sqlalchemy as sa
from csms_runtime import metrics
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.pool import QueuePool

from csms_db import direct, postgresql, sqlite, traced
from csms_db import url as urls
from csms_db.direct import Direct
from csms_db.errors import DatabaseUnavailable, is_refused_write, kind, unavailable

Dialect = Literal["postgresql", "sqlite"]

_CONNECT_ERRORS = (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What connecting may raise; TimeoutError is an OSError. None of it is the fault of what is to be done."""

_READING = {"csms_reading": True}
"""Marks the connections of read transactions."""


class WriteSession(AsyncSession):
    """A session that may write: from `Database.transaction()`."""


class ReadSession(AsyncSession):
    """A session that only reads: from `Database.reading()`. The database refuses writes."""


class Database:
    """A PostgreSQL schema or a SQLite file. Safe for use by many tasks; connects when first used.

    `schema` is the PostgreSQL schema; SQLite ignores it. `pool_size` is the most connections to PostgreSQL.
    Raises ValueError for a URL of another kind.
    """

    def __init__(self, url: str, schema: str | None = None, *, pool_size: int = 10) -> None:
        parsed = urls.parse(url)
        self.dialect: Dialect = cast("Dialect", urls.dialect(parsed))
        self.name = schema or Path(parsed.database or "database").stem
        """Names the database in metrics and logs."""
        if self.dialect == urls.POSTGRESQL:
            self._writer = postgresql.pooled(parsed, schema, pool_size=pool_size)
            self._reader = self._writer.execution_options(postgresql_readonly=True, **_READING)
        else:
            self._writer, self._reader = sqlite.writer(parsed), sqlite.reader(parsed).execution_options(**_READING)
        for engine in self._engines():
            sa.event.listen(engine.sync_engine, "handle_error", self._on_error)
        self.waiting = 0
        """Transactions that wait for a connection."""

    @property
    def pool_size(self) -> int:
        """The most connections there can be."""
        return sum(pool.size() for pool in self._pools())

    @property
    def connections_in_use(self) -> int:
        """Connections that transactions have."""
        return sum(pool.checkedout() for pool in self._pools())

    @property
    def connections_idle(self) -> int:
        """Connections that nobody has."""
        return sum(pool.checkedin() for pool in self._pools())

    def transaction(self) -> AbstractAsyncContextManager[WriteSession]:
        """Open a write transaction: commits on leaving the context, rolls back when it is left by an error.

        On SQLite there is one at a time per process; others wait. Raises DatabaseUnavailable, on entering, inside and
        on leaving. Other database errors come out as SQLAlchemy's.
        """
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[WriteSession]:
        started, outcome = time.perf_counter(), "rolled_back"
        span = traced.begin(self.name, self.dialect, "transaction")
        try:
            async with WriteSession(self._writer, expire_on_commit=False) as session:
                await self._begin(session)
                traced.connected(span)
                yield session
                await session.commit()
                outcome = "committed"
        finally:
            metrics.DB_TRANSACTION_SECONDS.labels(self.name, outcome).observe(time.perf_counter() - started)
            traced.end(span, outcome)

    def direct(self) -> AbstractAsyncContextManager[Direct]:
        """Open a write transaction for the statements of hot paths (`csms_db.statements`): the same with less work.

        Raises DatabaseUnavailable, on entering, inside and on leaving. Other errors come out as the driver's.
        """
        return direct.transaction(self._writer, self.name, self._queueing)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """Open a read transaction; nothing is ever committed. Raises DatabaseUnavailable."""
        span, outcome = traced.begin(self.name, self.dialect, "reading"), "rolled_back"
        try:
            async with ReadSession(self._reader, expire_on_commit=False, autoflush=False) as session:
                await self._begin(session)
                traced.connected(span)
                yield session
                outcome = "read"
        finally:
            traced.end(span, outcome)

    async def ping(self) -> None:
        """Ask the database for a sign of life. Raises DatabaseUnavailable."""
        async with self.reading() as session:
            await session.execute(sa.text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections; sessions must be closed before."""
        for engine in self._engines():
            await engine.dispose()

    @contextmanager
    def _queueing(self) -> Iterator[None]:
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    async def _begin(self, session: AsyncSession) -> None:
        try:
            with self._queueing():
                await session.connection()
        except _CONNECT_ERRORS as error:
            metrics.DB_UNAVAILABLE.labels(self.name).inc()
            raise DatabaseUnavailable(f"{self.name}: cannot connect ({kind(error)})") from error

    def _on_error(self, context: ExceptionContext) -> DatabaseUnavailable | None:
        """Turn what passes with time into DatabaseUnavailable, at the statement where it happens."""
        error = context.original_exception
        if context.is_pre_ping:  # the pool connects anew by itself
            return None
        if isinstance(error, TimeoutError):  # the driver's command timeout: the connection's state is unknown
            context.is_disconnect = True
        if not isinstance(error, Exception):  # a cancellation
            return None
        found = unavailable(self.name, error)
        if found is None and context.is_disconnect:
            found = DatabaseUnavailable(f"{self.name}: {kind(error)}")
        if found is None or (is_refused_write(error) and _is_reading(context)):
            return None
        metrics.DB_UNAVAILABLE.labels(self.name).inc()
        return found

    def _pools(self) -> list[QueuePool]:
        return [cast("QueuePool", engine.sync_engine.pool) for engine in self._engines()]

    def _engines(self) -> list[AsyncEngine]:
        """The engines with a pool of their own."""
        return [self._writer] if self.dialect == urls.POSTGRESQL else [self._writer, self._reader]


def _is_reading(context: ExceptionContext) -> bool:
    return context.connection is not None and bool(context.connection.get_execution_options().get("csms_reading"))
