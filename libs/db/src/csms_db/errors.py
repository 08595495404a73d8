"""Which database errors are nobody's fault and pass with time.

csms_bus.flow.Later
└── DatabaseUnavailable   connection lost or refused, lock timeout, deadlock, serialization, disk full, SQLite busy
    └── DatabaseUnwell    a table, column or right is missing, or a statement took too long
Exception
├── NotMigratedError      the schema is not at the newest migration
└── CannotMigrateError    what is stored has to be changed first, by people
"""

import sqlite3
import ssl

from csms_runtime.waiting import Later, LaterOrNever

_SQLITE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_SQLITE_PRIMARY = 0xFF
"""An extended result code's low byte is its primary code."""
_SQLSTATE_CLASSES = ("08", "40", "53", "58")
"""Connection, rollback (serialization, deadlock), insufficient resources (disk, connections), system error."""
_READ_ONLY = "25006"
_SQLSTATES = frozenset(
    {
        _READ_ONLY,  # we are on a standby after a failover
        "25P03",  # idle_in_transaction_session_timeout
        "55P03",  # lock_not_available
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
        "57P05",  # idle_session_timeout
    }
)
_UNWELL = frozenset(
    {
        "3F000",  # invalid_schema_name
        "42501",  # insufficient_privilege
        "42703",  # undefined_column
        "42704",  # undefined_object
        "42883",  # undefined_function
        "42P01",  # undefined_table
        "57014",  # query_canceled: statement_timeout, or a person
    }
)
_UNWELL_SQLITE = ("no such table", "no such column")
"""SQLite has no codes for these."""


class DatabaseUnavailable(Later):
    """The database cannot do it now. A commit that failed so may have taken effect: handlers are idempotent."""


class DatabaseUnwell(DatabaseUnavailable, LaterOrNever):
    """The database is not as it should be, or took too long. What was to be done is seldom at fault, but it can be."""


class NotMigratedError(Exception):
    """The database's schema is not at the newest migration: run the service's `migrate` command."""


class CannotMigrateError(Exception):
    """The stored data do not fit the next version; nothing was changed. The text says what to do."""


def is_transient(error: BaseException) -> bool:
    """Whether a driver's error passes with time, whatever the statement was."""
    if isinstance(error, TimeoutError | OSError):
        return True
    sqlite_code = getattr(error, "sqlite_errorcode", None)
    if isinstance(sqlite_code, int):
        return sqlite_code & _SQLITE_PRIMARY in _SQLITE_CODES
    sqlstate = getattr(error, "sqlstate", None)
    return isinstance(sqlstate, str) and (sqlstate in _SQLSTATES or sqlstate.startswith(_SQLSTATE_CLASSES))


def is_unwell(error: BaseException) -> bool:
    """Whether a driver's error says that the database is not as it should be, or that a statement took too long."""
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith(_UNWELL_SQLITE)
    return getattr(error, "sqlstate", None) in _UNWELL


def unavailable(name: str, error: BaseException) -> DatabaseUnavailable | None:
    """Return what a driver's error in a statement is to be told as. None: the statement is at fault."""
    if is_unwell(error):
        text = next(iter(str(error).splitlines()), "")  # it names tables, never values
        return DatabaseUnwell(f"{name}: {kind(error)} {text}".rstrip())
    return DatabaseUnavailable(f"{name}: {kind(error)}") if is_transient(error) else None


def is_refused_write(error: BaseException) -> bool:
    """Whether the database refused to write: in a read transaction that is a fault of the code."""
    sqlite_code = getattr(error, "sqlite_errorcode", 0)
    return getattr(error, "sqlstate", None) == _READ_ONLY or sqlite_code & _SQLITE_PRIMARY == sqlite3.SQLITE_READONLY


def kind(error: BaseException) -> str:
    """Name an error's kind for logs, without its text: that may quote values."""
    driver_error = error.__cause__ or error
    refused = next((each for each in (driver_error, error) if isinstance(each, ssl.SSLCertVerificationError)), None)
    if refused is not None:  # it speaks of the certificate alone
        return f"{type(refused).__name__} {refused.verify_message}"
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    return f"{type(driver_error).__name__} {code}" if code else type(driver_error).__name__
