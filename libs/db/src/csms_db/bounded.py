"""Reading lists whose rows may be large: as many rows as are wanted, but no more bytes than somebody can hold."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute


class Bounded(NamedTuple):
    """Rows that were read."""

    rows: Sequence[Any]
    more: bool
    """Whether rows follow that were not read."""


Size = sa.ColumnElement[int] | InstrumentedAttribute[int]


async def read(
    session: AsyncSession, statement: sa.Select[Any], size: Size, *, limit: int, most_bytes: int, mappings: bool = False
) -> Bounded:
    """Read up to `limit` rows of a statement in its order, and of these the first ones whose sizes fit: at least one.

    `size` is what a row takes in bytes. It is read first: a row that does not fit is never in memory. Rows are what is
    selected first, an entity as a rule; with `mappings` all columns by name.
    """
    columns = statement.with_only_columns(size, maintain_column_froms=True)
    sizes = (await session.scalars(columns.limit(limit + 1))).all()
    count = fitting(sizes[:limit], most_bytes)
    if not count:
        return Bounded([], more=False)
    result = await session.execute(statement.limit(count))
    rows: Sequence[Any] = result.mappings().all() if mappings else result.scalars().all()
    return Bounded(rows, len(sizes) > count)


def fitting(sizes: Iterable[int], most_bytes: int) -> int:
    """Return how many of these, from the first, fit into so many bytes together; at least one if there is one."""
    count = total = 0
    for size in sizes:
        total += size
        if count and total > most_bytes:
            break
        count += 1
    return count
