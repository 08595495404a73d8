"""Publishes what is in the outbox."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa
import structlog
from csms_bus.ports import BusUnavailable, Outgoing
from csms_runtime import metrics
from csms_runtime.clock import utcnow

from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_db.outbox.table import outgoing_of

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]

BATCH = 500
"""Records per publish."""
POLL_S = 1.0
"""How long a record may lie unnoticed when nobody called `wake` (another process wrote it, or died before)."""
_BUSY_S = 0.05
"""When to look again while another process's relay is at work."""
_MIN_BACKOFF_S, _MAX_BACKOFF_S = 0.2, 5.0

_log = structlog.get_logger(__name__)


class _Found(Enum):
    """What a look into the outbox found."""

    RECORDS = auto()
    NOTHING = auto()
    ANOTHER_RELAY = auto()


class OutboxRelay:
    """Publishes the records of one outbox, in order, and deletes them afterwards: at least once, usually once.

    Each process of a service has one; on PostgreSQL an advisory lock lets one of them work at a time.
    """

    def __init__(self, database: Database, table: sa.Table, publish: Publish) -> None:
        self._database = database
        self._table = table
        self._publish = publish
        self._woken = asyncio.Event()
        self._lock_id = zlib.crc32(f"csms.outbox.{database.name}".encode())

    def wake(self) -> None:
        """Tell that something was committed. Cheap; call it from the event loop's thread."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set. Outlives outages of bus and database; other errors come out."""
        backoff_s = _MIN_BACKOFF_S
        async with _woken_by(stop, self._woken):
            while not stop.is_set():
                try:
                    pause_s = await self._drain(stop)
                except (BusUnavailable, DatabaseUnavailable) as error:
                    _log.warning("outbox waits", database=self._database.name, error=str(error), retry_in_s=backoff_s)
                    await _wait(stop, backoff_s)  # a wake must not cut it short
                    backoff_s = min(backoff_s * 2, _MAX_BACKOFF_S)
                else:
                    backoff_s = _MIN_BACKOFF_S
                    await _wait(self._woken, pause_s)

    async def _drain(self, stop: asyncio.Event) -> float:
        """Publish all there is; returns how long to wait for the next wake, in seconds."""
        self._woken.clear()
        while not stop.is_set() and await self._measure():
            found = _Found.RECORDS
            while found is _Found.RECORDS and not stop.is_set():
                found = await self._publish_batch()
            if found is _Found.ANOTHER_RELAY:
                return _BUSY_S
        return POLL_S

    async def _publish_batch(self) -> _Found:
        """Publish the oldest records, then delete them; after a crash in between they are published again."""
        async with self._alone() as alone:
            if not alone:
                return _Found.ANOTHER_RELAY
            rows = await self._oldest()
            if not rows:
                return _Found.NOTHING
            await self._publish([outgoing_of(row) for row in rows])
            metrics.OUTBOX_PUBLISHED.labels(self._database.name).inc(len(rows))
            await self._delete([row.id for row in rows])
        return _Found.RECORDS

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        """Keep the relays of other processes out; yields whether that worked. SQLite has one process anyway."""
        if self._database.dialect == "sqlite":
            yield True
            return
        async with self._database.reading() as session:
            yield bool(await session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(self._lock_id))))

    async def _oldest(self) -> Sequence[sa.Row[Any]]:
        async with self._database.reading() as session:
            return (await session.execute(sa.select(self._table).order_by(self._table.c.id).limit(BATCH))).all()

    async def _delete(self, ids: list[int]) -> None:
        """Delete by each id: a lower one may have been committed meanwhile."""
        async with self._database.transaction() as session:
            await session.execute(sa.delete(self._table).where(self._table.c.id.in_(ids)))

    async def _measure(self) -> int:
        """Count what waits, and tell the metrics."""
        count, oldest = sa.func.count(), sa.func.min(self._table.c.created_at)
        async with self._database.reading() as session:
            waiting, since = (await session.execute(sa.select(count, oldest).select_from(self._table))).one()
        age_s = max(0.0, (utcnow() - since).total_seconds()) if since else 0.0
        metrics.OUTBOX_RECORDS.labels(self._database.name).set(waiting)
        metrics.OUTBOX_AGE_SECONDS.labels(self._database.name).set(age_s)
        return int(waiting)


@asynccontextmanager
async def _woken_by(stop: asyncio.Event, woken: asyncio.Event) -> AsyncIterator[None]:
    """Let `stop` end a wait for `woken`."""

    async def watch() -> None:
        await stop.wait()
        woken.set()

    watcher = asyncio.create_task(watch(), name="outbox-stop")
    try:
        yield
    finally:
        watcher.cancel()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
