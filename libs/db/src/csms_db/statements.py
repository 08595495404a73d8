"""Statements of hot paths: compiled once per dialect, rows as plain tuples.

SQLAlchemy looks up each parameter and each result of each row by name and type, which costs more than SQLite itself.
They run in a `Database.direct()`, or in a session where they belong to something larger.
"""

from collections.abc import Callable, Collection, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncSession

from csms_db.direct import Direct

Row = Sequence[Any]
Processor = Callable[[Any], Any]
Processors = Sequence[tuple[int, Processor]]
"""By position: those values that need converting."""


class _Compiled(NamedTuple):
    sql: str
    in_order: Callable[[Row], tuple[Any, ...]]
    """Puts the parameters where the statement wants them."""
    processors: Processors
    """Of parameters, or of a row that was read."""


class _Statement:
    """Compiles when first used with a dialect."""

    def __init__(self) -> None:
        self._compiled: dict[str, _Compiled] = {}

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        raise NotImplementedError


class Bulk(_Statement):
    """A statement that is executed once for each row; `names` are its parameters, in the order of a row's values.

    For an INSERT or the SET of an UPDATE a name is a column's; a WHERE has `bindparam(name)`.
    """

    def __init__(self, statement: sa.Insert | sa.Update, names: Sequence[str]) -> None:
        super().__init__()
        self._statement = statement
        self._names = tuple(names)

    async def execute(self, session: AsyncSession | Direct, rows: Sequence[Row]) -> None:
        """Execute for all rows; does nothing without one. Raises as `session.execute` does."""
        if not rows:
            return
        if isinstance(session, AsyncSession):
            connection = await session.connection()
            sql, parameters = self._prepare(connection.dialect, rows)
            await connection.exec_driver_sql(sql, parameters)
        else:
            await session.many(*self._prepare(session.dialect, rows))

    def _prepare(self, dialect: Dialect, rows: Sequence[Row]) -> tuple[str, list[tuple[Any, ...]]]:
        sql, in_order, processors = self._for(dialect)
        return sql, [_converted(in_order(row), processors) for row in rows]

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=list(self._names))
        order = _order(compiled, self._names)
        known: dict[str, Processor] = compiled._bind_processors  # noqa: SLF001 nothing public tells them
        processors = [(position, known[name]) for position, name in enumerate(order) if name in known]
        return _Compiled(compiled.string, _getter([self._names.index(name) for name in order]), processors)


class Lookup(_Statement):
    """Reads `columns` of the rows whose `by` columns are among given values; `for_update` locks them (PostgreSQL)."""

    def __init__(
        self, columns: Sequence[sa.Column[Any]], by: Sequence[sa.Column[Any]], *, for_update: bool = False
    ) -> None:
        super().__init__()
        self._columns = columns
        self._by = by
        self._for_update = for_update

    async def fetch(self, session: AsyncSession | Direct, *values: Collection[Any]) -> list[tuple[Any, ...]]:
        """Return the rows, in the order of the `by` columns; `values` are one collection for each of them."""
        if isinstance(session, AsyncSession):
            connection = await session.connection()
            sql, in_order, processors = self._for(connection.dialect)
            parameters = in_order(_lists(connection.dialect, values))
            rows: Sequence[Row] = (await connection.exec_driver_sql(sql, parameters)).all()
        else:
            sql, in_order, processors = self._for(session.dialect)
            rows = await session.fetch(sql, in_order(_lists(session.dialect, values)))
        return [_converted(row, processors) for row in rows]

    def _compile(self, dialect: Dialect) -> _Compiled:
        names = [f"values_{number}" for number in range(len(self._by))]
        among = [_among(dialect, column, name) for column, name in zip(self._by, names, strict=True)]
        statement = sa.select(*self._columns).where(*among).order_by(*self._by)
        # One order of locking, so that two processes cannot wait for each other.
        compiled: Any = (statement.with_for_update() if self._for_update else statement).compile(dialect=dialect)
        order = _order(compiled, names)
        found = ((at, _result_processor(column, dialect)) for at, column in enumerate(self._columns))
        processors = [(at, processor) for at, processor in found if processor is not None]
        return _Compiled(compiled.string, _getter([names.index(name) for name in order]), processors)


def _among(dialect: Dialect, column: sa.Column[Any], name: str) -> sa.ColumnElement[bool]:
    """One parameter whatever the number of values, so that the text of the statement stays the same."""
    if dialect.name == "postgresql":
        return column == sa.any_(sa.bindparam(name, type_=sa.ARRAY(column.type)))
    each = sa.func.json_each(sa.bindparam(name, type_=sa.String())).table_valued("value")
    return column.in_(sa.select(each.c.value))


def _lists(dialect: Dialect, values: Sequence[Collection[Any]]) -> list[Any]:
    lists = [list(collection) for collection in values]
    return lists if dialect.name == "postgresql" else [orjson.dumps(one).decode() for one in lists]


def _result_processor(column: sa.Column[Any], dialect: Dialect) -> Processor | None:
    if isinstance(column.type, sa.Float):  # both drivers give floats
        return None
    return column.type._cached_result_processor(dialect, None)  # noqa: SLF001 nothing public caches them


def _converted(row: Row, processors: Processors) -> tuple[Any, ...]:
    values = list(row)
    for position, process in processors:
        values[position] = process(values[position])
    return tuple(values)


def _order(compiled: Any, names: Sequence[str]) -> Sequence[str]:  # noqa: ANN401 SQLAlchemy's compiled statement
    order: Sequence[str] = compiled.positiontup or ()
    if sorted(order) != sorted(names):
        raise ValueError(f"the statement takes {sorted(order)}, not {sorted(names)}")
    return order


def _getter(positions: Sequence[int]) -> Callable[[Row], tuple[Any, ...]]:
    if len(positions) == 1:
        (only,) = positions
        return lambda row: (row[only],)
    return itemgetter(*positions)
