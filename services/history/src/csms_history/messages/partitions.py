"""The days of the message log: on PostgreSQL each is a partition, made before it begins and dropped when it is old."""

import asyncio
from datetime import datetime

import structlog
from csms_db.base import EPOCH
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.clock import utcnow
from csms_runtime.waiting import wait_for
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

_EVERY_S = 60.0
_TRY_AGAIN_S = 2.0
DAY_US = 86_400_000_000
_log = structlog.get_logger(__name__)


def day_of(moment: datetime) -> int:
    """Return the day (in UTC) of a moment, in days since 1970."""
    return (moment - EPOCH).days


class Days:
    """Keeps the partitions as they should be; on SQLite there is nothing to do. Many processes may have one."""

    def __init__(self, database: Database, keep_days: int) -> None:
        """`keep_days`: how long messages are kept; 0: for ever."""
        self._database = database
        self._keep_days = keep_days

    async def run(self, stop: asyncio.Event) -> None:
        """Make and drop until `stop` is set."""
        while not await wait_for(stop, timeout_s=_EVERY_S):
            await self._try()

    async def made(self, stop: asyncio.Event) -> bool:
        """Wait until today's partition is there, so that no message of today comes before it. False: `stop` is set."""
        while not await self._try():
            if await wait_for(stop, timeout_s=_TRY_AGAIN_S):
                return False
        return not stop.is_set()

    async def keep(self) -> None:
        """Make what is missing, up to three days ahead, and drop what is old. Raises DatabaseUnavailable."""
        if self._database.dialect != "postgresql":
            return
        today = day_of(utcnow())
        oldest = today - self._keep_days if self._keep_days else 0
        async with self._database.transaction() as session:
            dropped = await session.scalar(select(func.station_messages_partitions(today, oldest)))
        if dropped:
            _log.info("days of the message log dropped", days=dropped)

    async def _try(self) -> bool:
        try:
            await self.keep()
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            _log.warning("the days of the message log stay for now", error=str(error))
            return False
        return True
