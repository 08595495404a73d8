"""Database URLs as operators write them."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from csms_db import tls

POSTGRESQL = "postgresql"
SQLITE = "sqlite"
_DRIVERS = {POSTGRESQL: "postgresql+asyncpg", "postgres": "postgresql+asyncpg", SQLITE: "sqlite+aiosqlite"}
_PARAMETERS = tls.PARAMETERS | {"host", "port", "target_session_attrs"}
"""What a PostgreSQL URL may have after its `?`: TLS, several hosts, and which of them to choose."""


def parse(url: str) -> URL:
    """Return the URL with our driver in it. The text form of it hides the password.

    Takes `postgresql://…`, `postgres://…` and `sqlite:///file`, with or without a driver. Raises ValueError for other
    databases, for parameters that PostgreSQL's URLs do not have here (see `csms_db.tls` for those about TLS), and for
    SQLite in memory, whose connections would each see a database of their own.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("not a database URL; expected postgresql:// or sqlite:///") from error
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise ValueError(f"{backend} is not supported: use postgresql:// or sqlite:///")
    if backend == SQLITE and parsed.database in {None, "", ":memory:"}:
        raise ValueError("SQLite needs a file: sqlite:////path/to/file.db")
    if backend != SQLITE:
        unknown = sorted(parsed.query.keys() - _PARAMETERS)
        if unknown:
            raise ValueError(
                f"unknown parameter {unknown[0]} in the database URL; known: {', '.join(sorted(_PARAMETERS))}"
            )
        tls.argument(parsed.query)  # a mistake shows at once
    return parsed.set(drivername=_DRIVERS[backend])


def dialect(url: URL) -> str:
    """Return "postgresql" or "sqlite"."""
    return url.get_backend_name()
