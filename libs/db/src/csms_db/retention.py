"""Deletes what is older than it is to be kept, some rows in a transaction, again and again."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from csms_runtime import metrics
from csms_runtime.clock import utcnow
from csms_runtime.waiting import wait_for

from csms_db.engine import Database, WriteSession
from csms_db.errors import DatabaseUnavailable

Delete = Callable[[WriteSession, datetime, int], Awaitable[int]]
"""Deletes about so many rows from before a moment, and returns how many there were: fewer when no more are old."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind of rows that does not stay for ever."""

    name: str
    """For the log."""
    days: int
    """How long they are kept; 0: for ever."""
    delete: Delete
    unfinished: Callable[[], bool] = lambda: False
    """Whether there may be more although the last time there were few."""


class Retention:
    """Deletes old rows of some kinds. More than one at a time, in several processes, do no harm.

    The kinds have a batch each in turn. After each batch comes a pause, so that all of them take a share of one
    connection's time. While something is left, it goes on: what a fleet writes in a day goes in less than a day.
    """

    def __init__(
        self, database: Database, kinds: Sequence[Kept], *, batch: int = 500, most_batches: int = 40, share: float = 0.2
    ) -> None:
        """`batch`: rows in a transaction, a few milliseconds in which SQLite takes no other writes.

        `most_batches`: of each kind in one go, after which it is told. `share`: of the time that batches may take.
        """
        self._database = database
        self._kinds = [kind for kind in kinds if kind.days]
        self._batch = batch
        self._most_batches = most_batches
        self._rest = 1 / share - 1
        self._behind = False

    async def run(self, stop: asyncio.Event, interval_s: float = 60.0) -> None:
        """Delete until `stop` is set; when nothing is left, look again every `interval_s` seconds."""
        while self._kinds and not stop.is_set():
            try:
                await self.apply(stop)
            except DatabaseUnavailable as error:
                _log.warning("old rows stay for now", error=str(error))
                metrics.DB_OLD_ROWS_LEFT.labels(self._database.name).set(1)
                self._behind = False
            if not self._behind:
                await wait_for(stop, timeout_s=interval_s)

    async def apply(self, stop: asyncio.Event | None = None) -> dict[str, int]:
        """Delete what is too old in one go, unless `stop` is set meanwhile. Return how many rows there were, by kind.

        Raises DatabaseUnavailable.
        """
        stop = stop or asyncio.Event()
        deleted: Counter[str] = Counter()
        left = self._kinds
        for _ in range(self._most_batches):
            left = [kind for kind in left if await self._delete_some(kind, deleted, stop)]
        self._behind = bool(left)
        metrics.DB_OLD_ROWS_LEFT.labels(self._database.name).set(int(self._behind))
        if deleted:
            _log.info("old rows deleted", **deleted)
        return dict(deleted)

    async def _delete_some(self, kind: Kept, deleted: Counter[str], stop: asyncio.Event) -> bool:
        """Delete a batch, and rest. Returns whether there may be more."""
        if stop.is_set():
            return True
        started = time.perf_counter()
        async with self._database.transaction() as session:
            count = await kind.delete(session, utcnow() - timedelta(days=kind.days), self._batch)
        if count:
            deleted[kind.name] += count
            metrics.DB_OLD_ROWS_DELETED.labels(self._database.name, kind.name).inc(count)
        more = count >= self._batch or kind.unfinished()
        if more:
            await wait_for(stop, timeout_s=(time.perf_counter() - started) * self._rest)
        return more
