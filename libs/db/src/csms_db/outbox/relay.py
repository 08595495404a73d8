"""Publishes what is in the outbox."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Any, NamedTuple

import sqlalchemy as sa
import structlog
from csms_runtime import metrics
from csms_runtime.clock import utcnow
from csms_runtime.waiting import Backoff, wait_for

from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_db.outbox.aside import SetAside
from csms_db.outbox.table import OutboxRecord


class Failure(NamedTuple):
    """Why a record was not published."""

    reason: str
    """For people; holds no secrets."""
    final: bool
    """Whether trying again is no use."""


Publish = Callable[[Sequence[OutboxRecord]], Awaitable[Mapping[int, Failure]]]
"""Publishes records and returns, by position, those that could not be; the others are durable."""

BATCH = 500
"""Records per publish."""
_BATCH_BYTES = 8 * 1024 * 1024
MOST_COUNTED = 1_000
"""The gauge of records that wait says this for more than so many, too."""
POLL_S = 1.0
"""How long a record may lie unnoticed when nobody called `wake` (another process wrote it, or died before)."""
_BUSY_S = 0.05
"""When to look again while another process's relay is at work."""
_MIN_BACKOFF_S, _MAX_BACKOFF_S = 0.2, 5.0

_log = structlog.get_logger(__name__)


class _Found(Enum):
    """What a look into the outbox found."""

    RECORDS = auto()
    NOTHING_MORE = auto()
    ANOTHER_RELAY = auto()


class _Head(NamedTuple):
    """Where a record goes, and how large it is."""

    id: int
    topic: str
    key: str | None
    partition: int | None
    size: int


class _Pass:
    """One way through the outbox, from its oldest record on."""

    def __init__(self) -> None:
        self.after = 0
        """The id up to which it has come."""
        self.blocked: set[tuple[str, str | None, int | None]] = set()
        """Topics, keys and partitions of which a record could not be published: the newer ones wait behind it."""


class OutboxRelay:
    """Publishes the records of one outbox, in order per key, and deletes them afterwards: at least once, usually once.

    A record that can never be published is set aside: see `csms_db.outbox.aside`. One that cannot be published for now
    holds up only those of its key. Each process of a service has a relay; on PostgreSQL an advisory lock lets one of
    them work at a time.
    """

    def __init__(self, database: Database, table: sa.Table, publish: Publish) -> None:
        self._database = database
        self._table = table
        self._publish = publish
        self._woken = asyncio.Event()
        self._lock_id = zlib.crc32(f"csms.outbox.{database.name}".encode())
        self._aside = SetAside(database, table)

    def wake(self) -> None:
        """Tell that something was committed. Cheap; call it from the event loop's thread."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set. Outlives outages of bus and database."""
        backoff = Backoff(_MIN_BACKOFF_S, _MAX_BACKOFF_S)
        clock = asyncio.get_running_loop().time
        going, again_at = _Pass(), 0.0
        while not stop.is_set():
            if clock() >= again_at:
                going = _Pass()
            blocked_before = bool(going.blocked)
            self._woken.clear()
            try:
                pause_s = await self._drain(going, stop)
            except DatabaseUnavailable as error:
                pause_s = backoff.next_pause()
                _log.warning("outbox waits", database=self._database.name, error=str(error), retry_in_s=pause_s)
                await wait_for(stop, timeout_s=pause_s)  # a wake must not cut it short
                continue
            if not going.blocked:
                backoff.reset()
            elif not blocked_before:
                again_at = clock() + backoff.next_pause()
            if going.blocked:
                pause_s = min(pause_s, max(0.0, again_at - clock()))
            await wait_for(self._woken, stop, timeout_s=pause_s)

    async def _drain(self, going: _Pass, stop: asyncio.Event) -> float:
        """Publish all there is, as far as it can be; returns how long to wait for the next wake, in seconds."""
        if await self._measure():
            while not stop.is_set() and (found := await self._publish_next(going)) is not _Found.NOTHING_MORE:
                if found is _Found.ANOTHER_RELAY:
                    return _BUSY_S
            if not going.blocked:
                going.after = 0
        return POLL_S

    async def _publish_next(self, going: _Pass) -> _Found:
        """Publish the next records, then delete them; after a crash in between they are published again."""
        async with self._alone() as alone:
            if not alone:
                return _Found.ANOTHER_RELAY
            heads = await self._heads(going.after)
            if not heads:
                return _Found.NOTHING_MORE
            going.after = heads[-1].id
            for ids in _batches([head for head in heads if _place(head) not in going.blocked]):
                await self._publish_rows(await self._rows(ids), going)
        return _Found.RECORDS

    async def _publish_rows(self, rows: Sequence[sa.Row[Any]], going: _Pass) -> None:
        rows = [row for row in rows if _place(row) not in going.blocked]
        records = [OutboxRecord(row.topic, row.key, row.partition, row.record) for row in rows]
        failures = await self._publish(records) if records else {}
        final = [(rows[at], failure.reason) for at, failure in failures.items() if failure.final]
        passing = [(rows[at], failure.reason) for at, failure in failures.items() if not failure.final]
        going.blocked.update(_place(row) for row, _ in passing)
        if passing:
            error = passing[0][1]
            _log.warning("outbox waits", database=self._database.name, records=len(passing), error=error)
        await self._aside.take(final)
        done = [row.id for at, row in enumerate(rows) if at not in failures]
        metrics.OUTBOX_PUBLISHED.labels(self._database.name).inc(len(done))
        await self._delete(done)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        """Keep the relays of other processes out; yields whether that worked. SQLite has one process anyway."""
        if self._database.dialect == "sqlite":
            yield True
            return
        async with self._database.reading() as session:
            yield bool(await session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(self._lock_id))))

    async def _heads(self, after: int) -> Sequence[_Head]:
        columns = self._table.c
        size = sa.func.length(columns.record).label("size")
        statement = sa.select(columns.id, columns.topic, columns.key, columns.partition, size)
        async with self._database.reading() as session:
            found = await session.execute(statement.where(columns.id > after).order_by(columns.id).limit(BATCH))
            return [_Head(*row) for row in found]

    async def _rows(self, ids: Sequence[int]) -> Sequence[sa.Row[Any]]:
        statement = sa.select(self._table).where(self._table.c.id.in_(ids)).order_by(self._table.c.id)
        async with self._database.reading() as session:
            return (await session.execute(statement)).all()

    async def _delete(self, ids: Sequence[int]) -> None:
        """Delete by each id: a lower one may have been committed meanwhile."""
        if ids:
            async with self._database.transaction() as session:
                await session.execute(sa.delete(self._table).where(self._table.c.id.in_(ids)))

    async def _measure(self) -> bool:
        """Tell the metrics what waits. Returns whether anything does.

        Counts `MOST_COUNTED` records at most, and takes the first one for the oldest: a long outbox costs no more.
        """
        columns = self._table.c
        some = sa.select(columns.id).limit(MOST_COUNTED).subquery()
        oldest = sa.select(columns.created_at).order_by(columns.id).limit(1).scalar_subquery()
        async with self._database.reading() as session:
            found = await session.execute(
                sa.select(sa.select(sa.func.count()).select_from(some).scalar_subquery(), oldest)
            )
        waiting, since = found.one()
        age_s = max(0.0, (utcnow() - since).total_seconds()) if since else 0.0
        metrics.OUTBOX_RECORDS.labels(self._database.name).set(waiting)
        metrics.OUTBOX_AGE_SECONDS.labels(self._database.name).set(age_s)
        return bool(waiting)


def _place(row: _Head | sa.Row[Any]) -> tuple[str, str | None, int | None]:
    return row.topic, row.key, row.partition


def _batches(heads: Sequence[_Head]) -> Iterator[list[int]]:
    """Yield ids of records that together have no more than a batch's bytes, or of one."""
    ids: list[int] = []
    total = 0
    for head in heads:
        if ids and total + head.size > _BATCH_BYTES:
            yield ids
            ids, total = [], 0
        ids.append(head.id)
        total += head.size
    if ids:
        yield ids
