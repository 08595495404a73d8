"""Which database errors are nobody's fault and pass with time.

csms_bus.flow.Later
└── DatabaseUnavailable   connection lost or refused, lock timeout, deadlock, serialization, disk full, SQLite busy
Exception
├── NotMigratedError      the schema is not at the newest migration
└── CannotMigrateError    what is stored has to be changed first, by people
"""

import sqlite3
import ssl

from csms_runtime.waiting import Later

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


class DatabaseUnavailable(Later):
    """The database cannot do it now. A commit that failed so may have taken effect: handlers are idempotent."""


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
