"""SQLite under asyncio with as few thread switches as possible: the DBAPI module that SQLAlchemy's engine is given.

A switch to a thread and back costs more than most statements, and under load each one waits for Python's global lock:
with a thread for everything (five and more switches per statement) a batch of 64 events took 30 ms. So

* only what may block long goes to a thread: a commit (it waits for the disk), a lock that somebody else holds, and in
  read connections every statement (an operator may search through millions of rows);
* the statements of write transactions, short and by key as they are, run at once, on the event loop's thread.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import NoneType
from typing import Any, NoReturn, TypeVar

from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_module
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.util.concurrency import await_

_T = TypeVar("_T")

_NAMES = (
    *("DatabaseError", "Error", "IntegrityError", "InterfaceError", "NotSupportedError", "OperationalError"),
    *("ProgrammingError", "DataError", "InternalError", "Warning", "Binary", "PARSE_COLNAMES", "PARSE_DECLTYPES"),
    *("sqlite_version", "sqlite_version_info"),
)
# `sqlite3` looks at each None, bytes and bool for a way to adapt it, in vain, which takes longer than binding it.
# These ways are found at once, and change nothing.
sqlite3.register_adapter(NoneType, {None: None}.get)
sqlite3.register_adapter(bytes, bytes)
sqlite3.register_adapter(bool, int)
_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="sqlite")
"""More than there are connections, so that nothing waits for a thread."""


async def in_thread(work: Callable[[], _T]) -> _T:
    """Run in a thread. Ends when the work has ended, also when cancelled: nobody may touch the connection before."""
    doing = asyncio.get_running_loop().run_in_executor(_threads, work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        while not doing.done():
            try:
                await asyncio.wait([doing])
            except asyncio.CancelledError:
                continue
        raise


async def begin_immediate(connection: sqlite3.Connection) -> None:
    """Take the write lock: at once if nobody holds it, else wait for it in a thread."""
    cursor = connection.cursor()
    if not _try_now(cursor, "BEGIN IMMEDIATE"):
        await in_thread(partial(cursor.execute, "BEGIN IMMEDIATE"))


async def _at_once(work: Callable[[], _T]) -> _T:
    """Run here. A coroutine, since SQLAlchemy insists that asynchronous connections await something."""
    return work()


class Cursor:
    """A cursor whose rows are all fetched when it was executed."""

    server_side = False

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._cursor = connection.driver_connection.cursor()
        self._rows: deque[Any] = deque()

    @property
    def description(self) -> Any:  # noqa: ANN401 as the DBAPI has it
        """See PEP 249."""
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        """See PEP 249."""
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        """See PEP 249."""
        return self._cursor.lastrowid

    @property
    def arraysize(self) -> int:
        """See PEP 249."""
        return self._cursor.arraysize

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._cursor.arraysize = value

    def execute(self, operation: str, parameters: Any = ()) -> None:  # noqa: ANN401 as the DBAPI has it
        """See PEP 249."""
        if operation.startswith("BEGIN"):
            self._connection.begin(self._cursor, operation)
        else:
            self._connection.run(partial(self._execute, operation, parameters or ()))

    def executemany(self, operation: str, parameters: Sequence[Any]) -> None:
        """See PEP 249."""
        self._connection.run(partial(self._cursor.executemany, operation, parameters))

    def _execute(self, operation: str, parameters: Any) -> None:  # noqa: ANN401 as the DBAPI has it
        self._cursor.execute(operation, parameters)
        if self._cursor.description:
            self._rows = deque(self._cursor.fetchall())

    def fetchone(self) -> Any:  # noqa: ANN401 as the DBAPI has it
        """See PEP 249."""
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """See PEP 249."""
        count = min(size or self.arraysize, len(self._rows))
        return [self._rows.popleft() for _ in range(count)]

    def fetchall(self) -> list[Any]:
        """See PEP 249."""
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def __iter__(self) -> Iterator[Any]:
        while self._rows:
            yield self._rows.popleft()

    def setinputsizes(self, *_sizes: Any) -> None:  # noqa: ANN401 as the DBAPI has it
        """See PEP 249; SQLite has no use for it."""

    def close(self) -> None:
        """See PEP 249."""
        self._rows.clear()
        self._cursor.close()

    async def _async_soft_close(self) -> None:
        """As SQLAlchemy's own adapters: the rows are here already, so there is nothing to do."""


class Connection(AdaptedConnection):
    """A connection. `direct`: statements run on the event loop's thread."""

    __slots__ = ("_direct", "dbapi")

    _connection: Any  # a sqlite3.Connection; SQLAlchemy's stub wants an asynchronous one

    def __init__(self, dbapi: "SqliteModule", connection: sqlite3.Connection, *, direct: bool) -> None:
        self.dbapi = dbapi
        self._connection = connection
        self._direct = direct

    @property
    def driver_connection(self) -> sqlite3.Connection:
        """The connection of the standard library's module."""
        connection: sqlite3.Connection = self._connection
        return connection

    @property
    def isolation_level(self) -> str | None:
        """None: the module begins no transactions by itself."""
        level: str | None = self._connection.isolation_level
        return level

    @isolation_level.setter
    def isolation_level(self, value: str | None) -> None:
        self._connection.isolation_level = value

    def cursor(self, server_side: bool = False) -> Cursor:  # noqa: FBT001, FBT002 as SQLAlchemy calls it
        """See PEP 249."""
        if server_side:
            raise sqlite3.NotSupportedError("rows are fetched all at once")
        return Cursor(self)

    def execute(self, operation: str, parameters: Any = ()) -> Cursor:  # noqa: ANN401 as the DBAPI has it
        """Execute with a new cursor."""
        cursor = self.cursor()
        cursor.execute(operation, parameters)
        return cursor

    def create_function(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 as the DBAPI has it
        """See `sqlite3.Connection.create_function`."""
        self._connection.create_function(*arguments, **options)

    def run(self, work: Callable[[], _T]) -> _T:
        """Run a statement where this connection's statements run."""
        result: _T = await_(_at_once(work) if self._direct else in_thread(work))
        return result

    def begin(self, cursor: sqlite3.Cursor, operation: str) -> None:
        """Begin a transaction: at once if nobody holds the lock, else wait for it in a thread."""
        if not _try_now(cursor, operation):
            self._wait_for(partial(cursor.execute, operation))

    def commit(self) -> None:
        """See PEP 249. Returns when the disk has it."""
        if self._connection.in_transaction:
            self._wait_for(self._connection.commit)

    def rollback(self) -> None:
        """See PEP 249."""
        if self._connection.in_transaction:
            self._connection.rollback()

    def close(self) -> None:
        """See PEP 249. The last connection to a file takes the write-ahead log into it."""
        self._wait_for(self._connection.close)

    def terminate(self) -> None:
        """Close without waiting for anything but SQLite."""
        self._connection.close()

    def _wait_for(self, work: Callable[[], _T]) -> _T:
        result: _T = await_(in_thread(work))
        return result

    def _handle_exception(self, error: Exception) -> NoReturn:
        raise error


def _try_now(cursor: sqlite3.Cursor, operation: str) -> bool:
    """Execute without waiting for a lock; False: somebody else holds it."""
    (patience_ms,) = cursor.execute("PRAGMA busy_timeout").fetchone()
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        cursor.execute(operation)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    finally:
        cursor.execute(f"PRAGMA busy_timeout={patience_ms}")
    return True


class SqliteModule(AsyncAdapt_dbapi_module):
    """What `create_async_engine(module=...)` takes in place of aiosqlite. `direct` as for `Connection`."""

    paramstyle = "qmark"
    has_stop = True

    def __init__(self, *, direct: bool) -> None:
        super().__init__(sqlite3, dbapi_module=sqlite3)
        self._direct = direct
        for name in _NAMES:
            setattr(self, name, getattr(sqlite3, name))

    def connect(self, *arguments: Any, **options: Any) -> Connection:  # noqa: ANN401 as the DBAPI has it
        """Open a file."""
        options["check_same_thread"] = False  # one thread at a time uses it, but not always the same
        return Connection(self, await_(in_thread(partial(sqlite3.connect, *arguments, **options))), direct=self._direct)
