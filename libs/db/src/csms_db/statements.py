"""Statements of hot paths: compiled once per dialect, one call of the driver for all rows, rows as plain tuples.

SQLAlchemy looks up each parameter and each result of each row by name and type, which costs more than SQLite itself;
and a statement for each row costs PostgreSQL and its driver several times what one for all rows does. (SQLite takes 5
microseconds for an INSERT of one row, executed for each, and 11 for each row of a list.) They run in a
`Database.direct()`, or in a session where they belong to something larger.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncSession

from csms_db.direct import Direct
from csms_db.sql import lock_order

Row = Sequence[Any]
Processor = Callable[[Any], Any]
Processors = Sequence[tuple[int, Processor]]
"""By position: those values that need converting."""

ROWS_PER_STEP = 500
"""Of more rows, so many are written at once; between steps the event loop serves others."""


class _Writing(NamedTuple):
    """How a dialect takes many rows at once."""

    text: str
    """For an array of each column on PostgreSQL, for a row on SQLite."""
    columns: Callable[[Sequence[Row]], list[Sequence[Any]]]
    """Rows into columns, with the values as the driver takes them."""


class _Bulk:
    """A statement for any number of rows; `names` are the columns of a row's values. Compiles when first used.

    Raises KeyError for a column that the table does not have.
    """

    def __init__(self, table: sa.Table, names: Sequence[str]) -> None:
        self._table = table
        self._columns = [table.c[name] for name in names]
        self._writing: dict[str, _Writing] = {}

    async def execute(self, session: AsyncSession | Direct, rows: Sequence[Row]) -> int:
        """Execute for all rows and return how many of the table were written. Raises as `session.execute` does.

        Many rows are written in steps; others are served in between, but nobody else may use the session.
        """
        written = 0
        for start in range(0, len(rows), ROWS_PER_STEP):
            if start:
                await asyncio.sleep(0)
            written += await self._step(session, rows[start : start + ROWS_PER_STEP])
        return written

    async def _step(self, session: AsyncSession | Direct, rows: Sequence[Row]) -> int:
        if isinstance(session, AsyncSession):
            connection = await session.connection()
            text, columns = self._for(connection.dialect)
            given = columns(rows)
            arrays = connection.dialect.name == "postgresql"
            parameters = tuple(given) if arrays else list(zip(*given, strict=True))
            return (await connection.exec_driver_sql(text, parameters)).rowcount
        text, columns = self._for(session.dialect)
        return await session.write(text, columns(rows))

    def _for(self, dialect: Dialect) -> _Writing:
        found = self._writing.get(dialect.name)
        if found is None:
            text = self._unnested(dialect) if dialect.name == "postgresql" else self._text(dialect)
            found = self._writing[dialect.name] = _Writing(text, self._converting(dialect))
        return found

    def _unnested(self, dialect: Dialect) -> str:
        """PostgreSQL: an array for each column, so that the text is the same for any number of rows."""
        given = [(f"given_{at}", column.type) for at, column in enumerate(self._columns)]
        arrays = [sa.bindparam(name, type_=_array(type_)) for name, type_ in given]
        rows = sa.func.unnest(*arrays).table_valued(*(sa.column(*one) for one in given), name="given").render_derived()
        return self._statement(list(rows.c)).compile(dialect=dialect).string

    def _converting(self, dialect: Dialect) -> Callable[[Sequence[Row]], list[Sequence[Any]]]:
        kinds = (column.type.dialect_impl(dialect) for column in self._columns)
        found = ((at, kind.bind_processor(dialect)) for at, kind in enumerate(kinds))
        processors = [(at, processor) for at, processor in found if processor is not None]

        def converted(rows: Sequence[Row]) -> list[Sequence[Any]]:
            columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
            for at, process in processors:
                columns[at] = _processed(columns[at], process)
            return columns

        return converted

    def _statement(self, given: Sequence[sa.ColumnElement[Any]]) -> sa.Insert | sa.Update:
        """For PostgreSQL; `given` are the columns of the rows."""
        raise NotImplementedError

    def _text(self, dialect: Dialect) -> str:
        """For a row on SQLite."""
        raise NotImplementedError


class Insert(_Bulk):
    """Inserts rows, in their order."""

    def _statement(self, given: Sequence[sa.ColumnElement[Any]]) -> sa.Insert:
        return sa.insert(self._table).from_select([column.name for column in self._columns], sa.select(*given))

    def _text(self, dialect: Dialect) -> str:
        quote = dialect.identifier_preparer.quote
        names = ", ".join(quote(column.name) for column in self._columns)
        values = ", ".join("?" * len(self._columns))
        return f"INSERT INTO {quote(self._table.name)} ({names}) VALUES ({values})"  # noqa: S608 names of our own tables


class Upsert(Insert):
    """Inserts rows; of those whose `by` columns are in the table already it sets `changed`.

    `kept` are columns of `changed` that keep their value where the new one is NULL. `by` is the primary key or what
    a unique index is over; rows must differ in it.
    """

    def __init__(
        self,
        table: sa.Table,
        names: Sequence[str],
        *,
        by: Sequence[str],
        changed: Sequence[str],
        kept: Sequence[str] = (),
    ) -> None:
        super().__init__(table, names)
        self._by, self._changed, self._kept = by, changed, frozenset(kept)

    def _statement(self, given: Sequence[sa.ColumnElement[Any]]) -> sa.Insert:
        names = [column.name for column in self._columns]
        statement = postgresql.insert(self._table).from_select(names, sa.select(*given))
        new = statement.excluded
        values = {
            name: sa.func.coalesce(new[name], self._table.c[name]) if name in self._kept else new[name]
            for name in self._changed
        }
        return statement.on_conflict_do_update(index_elements=list(self._by), set_=values)

    def _text(self, dialect: Dialect) -> str:
        quote = dialect.identifier_preparer.quote
        table = quote(self._table.name)
        keys = ", ".join(map(quote, self._by))
        values = ", ".join(
            f"{quote(name)} = coalesce(excluded.{quote(name)}, {table}.{quote(name)})"
            if name in self._kept
            else f"{quote(name)} = excluded.{quote(name)}"
            for name in self._changed
        )
        return f"{super()._text(dialect)} ON CONFLICT ({keys}) DO UPDATE SET {values}"


class Increase(Insert):
    """Inserts rows; to those whose `by` columns are in the table already it adds their `number`.

    `by` is the primary key; rows must differ in it. Rows are locked in their order.
    """

    def __init__(self, table: sa.Table, *, by: Sequence[str], number: str) -> None:
        super().__init__(table, (*by, number))
        self._by, self._number = by, number

    def _statement(self, given: Sequence[sa.ColumnElement[Any]]) -> sa.Insert:
        names = [column.name for column in self._columns]
        statement = postgresql.insert(self._table).from_select(names, sa.select(*given))
        total = self._table.c[self._number] + statement.excluded[self._number]
        return statement.on_conflict_do_update(index_elements=list(self._by), set_={self._number: total})

    def _text(self, dialect: Dialect) -> str:
        quote = dialect.identifier_preparer.quote
        number = quote(self._number)
        keys = ", ".join(map(quote, self._by))
        added = f"{quote(self._table.name)}.{number} + excluded.{number}"
        return f"{super()._text(dialect)} ON CONFLICT ({keys}) DO UPDATE SET {number} = {added}"


class Update(_Bulk):
    """Sets columns of rows; a row's values are those of `by`, which find it, then those of `names`, which it gets.

    For rows with the same `by` any one of them counts.
    """

    def __init__(self, table: sa.Table, by: Sequence[str], names: Sequence[str]) -> None:
        super().__init__(table, (*by, *names))
        self._by = len(by)

    def _statement(self, given: Sequence[sa.ColumnElement[Any]]) -> sa.Update:
        pairs = list(zip(self._columns, given, strict=True))
        found = [column == value for column, value in pairs[: self._by]]
        return sa.update(self._table).values(dict(pairs[self._by :])).where(*found)

    def _text(self, dialect: Dialect) -> str:
        quote = dialect.identifier_preparer.quote
        values = [f"{quote(column.name)} = ?{at}" for at, column in enumerate(self._columns, start=1)]
        found, new = " AND ".join(values[: self._by]), ", ".join(values[self._by :])
        return f"UPDATE {quote(self._table.name)} SET {new} WHERE {found}"  # noqa: S608 as above


def _array(type_: sa.types.TypeEngine[Any]) -> sa.ARRAY[Any]:
    """Of texts without a length: a cast to one would cut them, where storing them is an error."""
    return sa.ARRAY(sa.String() if isinstance(type_, sa.String) else type_, dimensions=1)


def _processed(values: Sequence[Any], process: Processor) -> Sequence[Any]:
    first = values[0]
    if len(set(map(id, values))) == 1:  # the time of a batch, no gaps
        return [process(first)] * len(values)
    return [process(value) for value in values]


class _Compiled(NamedTuple):
    sql: str
    in_order: Callable[[Row], tuple[Any, ...]]
    """Puts the parameters where the statement wants them."""
    processors: Processors
    """Of a row that was read."""


class Lookup:
    """Reads `columns` of the rows whose `by` columns are among given values; `for_update` locks them (PostgreSQL).

    `where` is a condition in SQL, without parameters: that of a partial index, for one.
    """

    def __init__(
        self,
        columns: Sequence[sa.Column[Any]],
        by: Sequence[sa.Column[Any]],
        *,
        where: str | None = None,
        for_update: bool = False,
    ) -> None:
        self._columns = columns
        self._by = by
        self._where = where
        self._for_update = for_update
        self._compiled: dict[str, _Compiled] = {}

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

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        names = [f"values_{number}" for number in range(len(self._by))]
        among = [_among(dialect, column, name) for column, name in zip(self._by, names, strict=True)]
        # One order of locking, so that two processes cannot wait for each other.
        order_by = lock_order(*self._by) if self._for_update else self._by
        statement = sa.select(*self._columns).where(*among).order_by(*order_by)
        if self._where is not None:
            statement = statement.where(sa.text(self._where))
        compiled: Any = (statement.with_for_update() if self._for_update else statement).compile(dialect=dialect)
        order = _order(compiled, names)
        return _Compiled(
            compiled.string, _getter([names.index(name) for name in order]), _result_processors(self._columns, dialect)
        )


class SpanLookup:
    """Reads up to `most` rows of given spans: `by` columns have given values, and `within` lies between two others.

    `where`: as in `Lookup`. Each span is looked up by itself: an index on `by` and `within` serves them all.
    """

    def __init__(
        self,
        columns: Sequence[sa.Column[Any]],
        by: Sequence[sa.Column[Any]],
        *,
        within: sa.Column[Any],
        where: str,
        most: int,
    ) -> None:
        self._columns = columns
        self._given = (*by, within, within)
        self._where = where
        self._most: sa.ColumnElement[int] = sa.literal_column(str(most))
        self._compiled: dict[str, _Compiled] = {}

    async def fetch(self, session: AsyncSession | Direct, spans: Sequence[Row]) -> list[tuple[Any, ...]]:
        """Return the rows. A span: the values of the `by` columns, the lowest of `within` and its highest."""
        if isinstance(session, AsyncSession):
            connection = await session.connection()
            sql, parameters, processors = self._for(connection.dialect, spans)
            rows: Sequence[Row] = (await connection.exec_driver_sql(sql, parameters)).all()
        else:
            sql, parameters, processors = self._for(session.dialect, spans)
            rows = await session.fetch(sql, parameters)
        return [_converted(row, processors) for row in rows]

    def _for(self, dialect: Dialect, spans: Sequence[Row]) -> tuple[str, tuple[Any, ...], Processors]:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        kinds = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in self._given]
        values = zip(*spans, strict=True)
        columns = [[*map(kind, one)] if kind else [*one] for kind, one in zip(kinds, values, strict=True)]
        if dialect.name != "postgresql":
            return found.sql, (orjson.dumps([*zip(*columns, strict=True)]).decode(),), found.processors
        return found.sql, found.in_order(columns), found.processors

    def _compile(self, dialect: Dialect) -> _Compiled:
        processors = _result_processors(self._columns, dialect)
        if dialect.name != "postgresql":
            return _Compiled(self._text(dialect), _getter([0]), processors)
        names = [f"given_{at}" for at, _ in enumerate(self._given)]
        compiled: Any = self._lateral(names).compile(dialect=dialect)
        order = _order(compiled, names)
        return _Compiled(compiled.string, _getter([names.index(name) for name in order]), processors)

    def _lateral(self, names: Sequence[str]) -> sa.Select[Any]:
        """For PostgreSQL."""
        kinds = [(name, column.type) for name, column in zip(names, self._given, strict=True)]
        arrays = [sa.bindparam(name, type_=_array(kind)) for name, kind in kinds]
        named = (sa.column(*one) for one in kinds)
        given = sa.func.unnest(*arrays).table_valued(*named, name="given").render_derived()
        *by, within, _ = self._given
        *equal, lowest, highest = (given.c[name] for name in names)
        alike = (column == value for column, value in zip(by, equal, strict=True))
        each = sa.select(*self._columns).where(*alike, within >= lowest, within <= highest, sa.text(self._where))
        found = each.order_by(within).limit(self._most).lateral("found")
        columns = [found.c[column.name] for column in self._columns]
        return sa.select(*columns).select_from(given, found).limit(self._most)

    def _text(self, dialect: Dialect) -> str:
        """For SQLite, which keeps to the order of a CROSS JOIN: it would else go through the table by another index."""
        quote = dialect.identifier_preparer.quote
        *by, within, _ = (quote(column.name) for column in self._given)
        names = ", ".join(f"found.{quote(column.name)}" for column in self._columns)
        compared = (*(f"{name} =" for name in by), f"{within} >=", f"{within} <=")
        spans = " AND ".join(f"found.{one} json_extract(given.value, '$[{at}]')" for at, one in enumerate(compared))
        tables = f"json_each(?) AS given CROSS JOIN {quote(self._given[0].table.name)} AS found"
        return f"SELECT {names} FROM {tables} WHERE {spans} AND {self._where} LIMIT {self._most}"  # noqa: S608 as above


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
    return column.type.dialect_impl(dialect).result_processor(dialect, None)


def _result_processors(columns: Sequence[sa.Column[Any]], dialect: Dialect) -> Processors:
    found = ((at, _result_processor(column, dialect)) for at, column in enumerate(columns))
    return [(at, processor) for at, processor in found if processor is not None]


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
