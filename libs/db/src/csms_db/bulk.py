"""INSERT and UPDATE of many rows on hot paths, without SQLAlchemy's work per row.

SQLAlchemy looks up each parameter of each row by name and type, which costs more than SQLite itself. Here a statement
is compiled once per dialect, and a row is a plain tuple.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncSession

Row = Sequence[Any]
_Processor = Callable[[Any], Any]


class _Compiled(NamedTuple):
    sql: str
    in_order: Callable[[Row], tuple[Any, ...]]
    """Puts a row's values where the statement wants them."""
    processors: list[tuple[int, _Processor]]
    """By position: converts what the driver would not take."""


class Bulk:
    """A statement that is executed once for each row; `names` are its parameters, in the order of a row's values.

    For an INSERT or the SET of an UPDATE a name is a column's; a WHERE has `bindparam(name)`.
    """

    def __init__(self, statement: sa.Insert | sa.Update, names: Sequence[str]) -> None:
        self._statement = statement
        self._names = tuple(names)
        self._compiled: dict[str, _Compiled] = {}

    async def execute(self, session: AsyncSession, rows: Sequence[Row]) -> None:
        """Execute for all rows; does nothing without one. Raises as `session.execute` does."""
        if not rows:
            return
        connection = await session.connection()
        sql, in_order, processors = self._for(connection.dialect)
        parameters: list[tuple[Any, ...]] = []
        for row in rows:
            values = list(in_order(row))
            for position, process in processors:
                values[position] = process(values[position])
            parameters.append(tuple(values))
        await connection.exec_driver_sql(sql, parameters)

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=list(self._names))
        order: Sequence[str] = compiled.positiontup or ()
        if sorted(order) != sorted(self._names):
            raise ValueError(f"the statement takes {sorted(order)}, not {sorted(self._names)}")
        known: dict[str, _Processor] = compiled._bind_processors  # noqa: SLF001 nothing public tells them
        processors = [(position, known[name]) for position, name in enumerate(order) if name in known]
        return _Compiled(compiled.string, _getter([self._names.index(name) for name in order]), processors)


def _getter(positions: Sequence[int]) -> Callable[[Row], tuple[Any, ...]]:
    if len(positions) == 1:
        (only,) = positions
        return lambda row: (row[only],)
    return itemgetter(*positions)
