"""Notes of remote starts and stops are deleted when they are older than they are to be kept."""

import asyncio
from datetime import timedelta

import structlog
from csms_bus.flow import Later
from csms_db.engine import Database
from csms_runtime.clock import utcnow

from csms_transactions.store import remote_requests

INTERVAL_S = 60.0
"""How often there is a look for old ones."""
BATCH = 500
"""Rows in a transaction."""
MAX_BATCHES = 40
"""In one go; the rest waits for the next."""

_log = structlog.get_logger(__name__)


class Retention:
    """Deletes them again and again. More than one at a time, in several processes, do no harm."""

    def __init__(self, database: Database, days: int) -> None:
        """`days`: how long they are kept; 0: for ever."""
        self._database = database
        self._days = days

    async def run(self, stop: asyncio.Event) -> None:
        """Delete until `stop` is set."""
        while self._days and not stop.is_set():
            try:
                await self.apply()
            except Later as error:
                _log.warning("deleting old remote requests put off", error=str(error))
            try:
                await asyncio.wait_for(stop.wait(), INTERVAL_S)
            except TimeoutError:
                continue

    async def apply(self) -> int:
        """Delete what is too old and return how many there were. Raises DatabaseUnavailable."""
        before, total = utcnow() - timedelta(days=self._days), 0
        for _ in range(MAX_BATCHES):
            async with self._database.transaction() as session:
                count = await remote_requests.delete_old(session, before, BATCH)
            total += count
            if count < BATCH:
                break
        if total:
            _log.info("old remote requests deleted", count=total)
        return total
