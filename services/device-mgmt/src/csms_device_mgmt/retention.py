"""How long the history of stations is kept: what is older is deleted, a batch in a transaction of its own."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from csms_runtime.clock import utcnow
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.store.retention import (
    delete_calls,
    delete_jobs,
    delete_notifications,
    delete_refused_messages,
    delete_reports,
)
from csms_device_mgmt.unit import Units

BATCH = 500
"""Rows in a transaction: a few milliseconds in which SQLite takes no other writes."""
MAX_BATCHES = 40
"""For each kind in one go; the rest waits for the next."""

Delete = Callable[[AsyncSession, datetime, int], Awaitable[int]]

_log = structlog.get_logger(__name__)


class Retention:
    """Deletes old rows. More than one at a time, in several processes, do no harm."""

    def __init__(self, units: Units, settings: DeviceSettings) -> None:
        self._units = units
        self._kinds: tuple[tuple[str, int, Delete], ...] = (
            ("calls", settings.keep_calls_days, delete_calls),
            ("notifications", settings.keep_notifications_days, delete_notifications),
            ("refused_messages", settings.keep_notifications_days, delete_refused_messages),
            ("reports", settings.keep_reports_days, delete_reports),
            ("jobs", settings.keep_reports_days, delete_jobs),
        )

    async def apply(self) -> dict[str, int]:
        """Delete what is too old; return how many rows of each kind there were. Raises DatabaseUnavailable."""
        deleted = {name: await self._delete(days, how) for name, days, how in self._kinds if days}
        found = {name: count for name, count in deleted.items() if count}
        if found:
            _log.info("old history deleted", **found)
        return found

    async def _delete(self, days: int, how: Delete) -> int:
        before, total = utcnow() - timedelta(days=days), 0
        for _ in range(MAX_BATCHES):
            async with self._units.open() as unit:
                count = await how(unit.session, before, BATCH)
            total += count
            if count < BATCH:
                break
        return total
