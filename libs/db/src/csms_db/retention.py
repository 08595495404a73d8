"""Deletes what is older than it is to be kept, some rows in a transaction, again and again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from csms_runtime.clock import utcnow

from csms_db.engine import Database, WriteSession
from csms_db.errors import DatabaseUnavailable

Delete = Callable[[WriteSession, datetime, int], Awaitable[int]]
"""Deletes up to so many rows from before a moment, and returns how many there were."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind of rows that does not stay for ever."""

    name: str
    """For the log."""
    days: int
    """How long they are kept; 0: for ever."""
    delete: Delete


class Retention:
    """Deletes old rows of some kinds. More than one at a time, in several processes, do no harm."""

    def __init__(self, database: Database, kinds: Sequence[Kept], *, batch: int = 500, most_batches: int = 40) -> None:
        """`batch`: rows in a transaction, a few milliseconds in which SQLite takes no other writes.

        `most_batches`: of each kind in one go; the rest waits for the next.
        """
        self._database = database
        self._kinds = [kind for kind in kinds if kind.days]
        self._batch = batch
        self._most_batches = most_batches

    async def run(self, stop: asyncio.Event, interval_s: float = 60.0) -> None:
        """Delete every `interval_s` seconds until `stop` is set."""
        while self._kinds and not stop.is_set():
            try:
                await self.apply()
            except DatabaseUnavailable as error:
                _log.warning("old rows stay for now", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval_s)

    async def apply(self) -> dict[str, int]:
        """Delete what is too old; return how many rows there were, by kind. Raises DatabaseUnavailable."""
        deleted = {kind.name: await self._delete(kind) for kind in self._kinds}
        found = {name: count for name, count in deleted.items() if count}
        if found:
            _log.info("old rows deleted", **found)
        return found

    async def _delete(self, kind: Kept) -> int:
        before, total = utcnow() - timedelta(days=kind.days), 0
        for _ in range(self._most_batches):
            async with self._database.transaction() as session:
                count = await kind.delete(session, before, self._batch)
            total += count
            if count < self._batch:
                break
        return total
