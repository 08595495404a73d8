"""Counts large tables for the metrics: one replica of a service counts now and then, and all of them tell its result.

A table is never gone through with one statement, nor for a scrape. What was counted stands in one row, so a process
that has just started tells it at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from csms_runtime.clock import utcnow
from csms_runtime.waiting import wait_for
from sqlalchemy.orm import InstrumentedAttribute

from csms_db.base import Json, UtcDateTime
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_db.sql import insert

TABLE = "counts"
SLICE_ROWS = 5_000
"""Rows that a statement goes through: some milliseconds."""
_READ_S = 10.0
_REST = 3.0
"""After each slice, counting rests for so many times as long as the slice took: it has a quarter of a connection."""
_LONGEST_REST_S = 1.0
_GIVEN_UP_AFTER = 10
"""Intervals. A replica that began to count and has not told a result by then is taken for dead."""

Counted = dict[str, Any]
"""What was counted, as JSON. Bounded, whatever stations say."""

_log = structlog.get_logger(__name__)


def counts_columns() -> list[sa.Column[Any]]:
    """Return the columns, for a migration."""
    return [
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("begun_at", UtcDateTime, nullable=False),
        sa.Column("counted_at", UtcDateTime),
        sa.Column("counted", Json),
    ]


def counts_table(metadata: sa.MetaData) -> sa.Table:
    """Return the table of a service, added to its metadata."""
    return sa.Table(TABLE, metadata, *counts_columns())


class Counting:
    """Has something counted every `interval_s` seconds by one of the replicas, and told by all.

    `count` counts it; `tell` is given the newest result and when it was there.
    """

    def __init__(
        self,
        database: Database,
        table: sa.Table,
        name: str,
        *,
        count: Callable[[], Awaitable[Counted]],
        tell: Callable[[Counted, datetime], None],
        interval_s: float,
    ) -> None:
        self._database, self._table, self._name = database, table, name
        self._count, self._tell = count, tell
        self._interval = timedelta(seconds=interval_s)
        self._read_s = min(_READ_S, interval_s)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Outlives outages of the database."""
        while not stop.is_set():
            try:
                await self.turn()
            except DatabaseUnavailable as error:
                _log.warning("not counted", what=self._name, error=str(error))
            except Exception:  # noqa: BLE001 what else goes wrong must not end the service that stations need
                _log.exception("not counted", what=self._name)
            await wait_for(stop, timeout_s=self._read_s)

    async def turn(self) -> bool:
        """Count if it is time and no other replica does; then tell what was counted last. Returns whether it counted.

        Raises DatabaseUnavailable.
        """
        counts = await self._is_ours()
        if counts:
            counted = await self._count()
            changed = {"counted": counted, "counted_at": utcnow()}
            async with self._database.transaction() as session:
                await session.execute(sa.update(self._table).where(self._table.c.name == self._name).values(changed))
        async with self._database.reading() as session:
            row = (await session.execute(sa.select(self._table).where(self._table.c.name == self._name))).one_or_none()
        if row is not None and row.counted_at is not None:
            self._tell(row.counted, row.counted_at)
        return counts

    async def _is_ours(self) -> bool:
        """Take the next count, unless another replica has it."""
        columns, now = self._table.c, utcnow()
        first = insert(self._database.dialect)(self._table).values(name=self._name, begun_at=now)
        is_done = columns.counted_at >= columns.begun_at
        is_due = (columns.begun_at <= now - self._interval) & is_done
        is_dead = columns.begun_at <= now - _GIVEN_UP_AFTER * self._interval
        taking = sa.update(self._table).where(columns.name == self._name, is_due | is_dead).values(begun_at=now)
        async with self._database.transaction() as session:
            made = await session.execute(first.on_conflict_do_nothing().returning(columns.name))
            if made.one_or_none() is not None:
                return True
            return (await session.execute(taking.returning(columns.name))).one_or_none() is not None


async def slices(
    database: Database,
    key: sa.ColumnElement[Any] | InstrumentedAttribute[Any],
    *conditions: sa.ColumnElement[bool],
    rows: int = SLICE_ROWS,
) -> AsyncIterator[sa.ColumnElement[bool]]:
    """Yield conditions that divide the rows of a table into slices by a column, which has an index; it rests between.

    A slice has `rows` rows, or more where the last ones have the same key. `conditions`: which rows. The time that the
    caller takes for a slice counts for the rest. Raises DatabaseUnavailable.
    """
    after: Any = None
    while True:
        began = time.monotonic()
        within = [sa.true(), *conditions] if after is None else [*conditions, key > after]
        last = sa.select(key).where(*within).order_by(key).offset(rows - 1).limit(1)
        async with database.reading() as session:
            after = await session.scalar(last)
        yield sa.and_(*within) if after is None else sa.and_(*within, key <= after)
        if after is None:
            return
        await asyncio.sleep(min(_LONGEST_REST_S, _REST * (time.monotonic() - began)))
