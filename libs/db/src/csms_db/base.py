"""What tables are made of: naming convention and column types that behave alike on PostgreSQL and SQLite."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints and indexes, so that migrations can speak of them."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Unix time 0."""
_MICROSECOND = timedelta(microseconds=1)


def new_metadata() -> sa.MetaData:
    """Return the metadata of a service: no schema (the connection's search_path decides), constraints named."""
    return sa.MetaData(naming_convention=NAMING_CONVENTION)


def _microseconds(value: datetime | None) -> int | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a zone is ambiguous")
    since = value - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds  # `//` takes twice as long


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment, always aware and in UTC, to the microsecond: timestamptz, or microseconds since 1970 in SQLite.

    Writing a time without a zone raises ValueError (wrapped in SQLAlchemy's StatementError).
    """

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the column type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[datetime | None], Any]:
        """Return `process_bind_param` for a dialect. SQLAlchemy's own takes twice as long, per event."""
        return partial(self.process_bind_param, dialect=dialect) if dialect.name == "postgresql" else _microseconds

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:  # noqa: ANN401 by dialect
        """Convert to what the driver takes."""
        if dialect.name != "postgresql":
            return _microseconds(value)
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone is ambiguous")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ANN401 by dialect
        """Convert what the driver gave."""
        if value is None:
            return None
        found: datetime = value if dialect.name == "postgresql" else EPOCH + value * _MICROSECOND
        if found.tzinfo is None:  # asyncpg's "-infinity", which is also what it makes of the first moment there is
            return found.replace(tzinfo=UTC)
        return found.astimezone(UTC)


class Json(sa.types.TypeDecorator[Any]):
    """A JSON value: JSONB, or text in SQLite. None is SQL's NULL.

    JSONB keeps neither the order of members nor how numbers were written: raw OCPP payloads are LargeBinary.
    """

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose the column type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB(none_as_null=True))
        return dialect.type_descriptor(sa.JSON(none_as_null=True))


BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A 64-bit primary key that counts up by itself; SQLite does so only for a column it calls INTEGER."""
