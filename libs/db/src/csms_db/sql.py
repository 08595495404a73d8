"""The statements whose spelling differs between PostgreSQL and SQLite."""

from collections.abc import Callable
from typing import Any, cast, overload

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.ext.asyncio import AsyncSession

InsertFactory = Callable[[Any], Insert]
_FACTORIES: dict[str, InsertFactory] = {
    "postgresql": postgresql.insert,
    # Both have on_conflict_do_nothing, on_conflict_do_update, excluded and returning with the same parameters.
    "sqlite": cast("InsertFactory", sqlite.insert),
}


@overload
def insert(where: str) -> InsertFactory: ...


@overload
def insert(where: AsyncSession, table: Any) -> Insert: ...  # noqa: ANN401 a table or a mapped class


def insert(where: AsyncSession | str, table: Any = None) -> Insert | InsertFactory:
    """Return an INSERT that knows ON CONFLICT: `insert(session, table)`, or `insert(dialect)(table)`.

    `on_conflict_do_nothing` and `on_conflict_do_update` name their columns by `index_elements`, never by constraint:
    SQLite knows no names. Raises KeyError for a dialect that is neither "postgresql" nor "sqlite".
    """
    factory = _FACTORIES[where if isinstance(where, str) else dialect_of(where)]
    return factory if table is None else factory(table)


def dialect_of(session: AsyncSession) -> str:
    """Return "postgresql" or "sqlite"."""
    return session.get_bind().dialect.name
