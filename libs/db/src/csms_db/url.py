"""Database URLs as operators write them."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

POSTGRESQL = "postgresql"
SQLITE = "sqlite"
_DRIVERS = {POSTGRESQL: "postgresql+asyncpg", "postgres": "postgresql+asyncpg", SQLITE: "sqlite+aiosqlite"}


def parse(url: str) -> URL:
    """Return the URL with our driver in it; libpq's `sslmode` is understood. The text form of it hides the password.

    Takes `postgresql://…`, `postgres://…` and `sqlite:///file`, with or without a driver. Raises ValueError for other
    databases and for SQLite in memory, whose connections would each see a database of their own.
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
    query = {("ssl" if name == "sslmode" else name): value for name, value in parsed.query.items()}
    return parsed.set(drivername=_DRIVERS[backend], query=query)


def dialect(url: URL) -> str:
    """Return "postgresql" or "sqlite"."""
    return url.get_backend_name()
