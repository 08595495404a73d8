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


def by_bytes(text: sa.ColumnElement[str] | InstrumentedAttribute[str]) -> sa.ColumnElement[str]:
    """Return a text that is compared by its bytes: fast, in the same order everywhere, and in that of no language."""
    return _ByBytes(text)


def lock_order(
    *columns: sa.ColumnElement[Any] | InstrumentedAttribute[Any],
) -> list[sa.ColumnElement[Any] | InstrumentedAttribute[Any]]:
    """Return what rows are to be ordered by while they are locked: the same in every process and statement.

    It is the order of Python's `sorted`, so that who locks rows one by one and who locks them with one statement do
    not wait for each other. PostgreSQL's own order depends on the database's collation.
    """
    return [_ByBytes(column) if isinstance(column.type, sa.String) else column for column in columns]


class _Apart(FunctionElement[Any]):
    """A value that PostgreSQL takes for another than the column's."""

    inherit_cache = True


@compiles(_Apart)
def _same(element: _Apart, compiler: SQLCompiler, **options: object) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_Apart, "postgresql")
def _other(element: _Apart, compiler: SQLCompiler, **options: object) -> str:
    (value,) = element.clauses
    text = compiler.process(value, **options)
    return f"({text} || '')" if isinstance(value.type, sa.String) else f"timezone('UTC', {text})"


def apart(value: sa.ColumnElement[Any] | InstrumentedAttribute[Any]) -> sa.ColumnElement[Any]:
    """Return a moment or text as it is, but so that only an index made of this serves an order by it.

    A list that may be filtered has one order with filters and the other without, each with its own indexes. With one
    order for both, PostgreSQL, which does not know that all rows of a filter may come last, would walk through the
    index of the whole list instead of one that begins with the filter's column, and through all of it for what is not
    there.
    """
    return _Apart(value)


class _Position(FunctionElement[int]):
    """Where a text is in another one, from 1; 0: nowhere."""

    inherit_cache = True


@compiles(_Position)
def _instr(element: _Position, compiler: SQLCompiler, **options: object) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Position, "postgresql")
def _strpos(element: _Position, compiler: SQLCompiler, **options: object) -> str:
    text, part = (compiler.process(clause, **options) for clause in element.clauses)
    return f'strpos({text} COLLATE "C", {part})'  # by bytes, a quarter faster than in the order of a language


def holds_lowered(text: sa.ColumnElement[Any] | InstrumentedAttribute[Any], part: str) -> sa.ColumnElement[bool]:
    """Return the condition that a text in lower case, as the database makes it, holds `part` in any case.

    Not LIKE: its pattern would be made anew for each row.
    """
    lowered = sa.select(sa.func.lower(sa.literal(part, sa.Text))).scalar_subquery()  # once for all rows
    return _Position(text, lowered) > 0


class _BeginsWith(FunctionElement[bool]):
    """Whether a text is between two others, by bytes."""

    inherit_cache = True


@compiles(_BeginsWith)
def _between(element: _BeginsWith, compiler: SQLCompiler, **options: object) -> str:
    text, first, beyond = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({text} >= {first} AND {text} < {beyond})"


@compiles(_BeginsWith, "postgresql")
def _between_patterns(element: _BeginsWith, compiler: SQLCompiler, **options: object) -> str:
    text, first, beyond = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({text} ~>=~ {first} AND {text} ~<~ {beyond})"


def begins_with(text: sa.ColumnElement[Any] | InstrumentedAttribute[Any], prefix: str) -> sa.ColumnElement[bool]:
    """Return the condition that a text begins with `prefix`, in the same case, with the help of an index.

    On PostgreSQL of one with `postgresql_ops={column: "text_pattern_ops"}`, whatever the database's collation.
    """
    if not prefix:
        return sa.true()
    return _BeginsWith(text, sa.literal(prefix, sa.Text), sa.literal(_beyond(prefix), sa.Text))


_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def _beyond(prefix: str) -> str:
    """Return a text that comes behind all that begin with `prefix`, and before all others that do."""
    kept = prefix.rstrip(chr(_LAST))
    if not kept:
        return prefix + chr(_LAST)  # nobody has a text of more of them
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)
