"""The statements whose spelling differs between PostgreSQL and SQLite."""

from collections.abc import Callable
from typing import Any, cast, overload

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

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


class _ByBytes(FunctionElement[str]):
    """A text, ordered by its bytes as Python's `sorted` and SQLite do, whatever the database's collation."""

    inherit_cache = True


@compiles(_ByBytes)
def _plain(element: _ByBytes, compiler: SQLCompiler, **options: object) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_ByBytes, "postgresql")
def _collated(element: _ByBytes, compiler: SQLCompiler, **options: object) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'


def lock_order(
    *columns: sa.ColumnElement[Any] | InstrumentedAttribute[Any],
) -> list[sa.ColumnElement[Any] | InstrumentedAttribute[Any]]:
    """Return what rows are to be ordered by while they are locked: the same in every process and statement.

    It is the order of Python's `sorted`, so that who locks rows one by one and who locks them with one statement do
    not wait for each other. PostgreSQL's own order depends on the database's collation.
    """
    return [_ByBytes(column) if isinstance(column.type, sa.String) else column for column in columns]
