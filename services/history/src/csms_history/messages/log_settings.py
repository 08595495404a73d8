"""Stations whose messages are kept otherwise than those of the others: not at all, or shorter."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from csms_db.engine import Database, WriteSession
from csms_db.sql import insert
from csms_runtime.clock import utcnow
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import message_log_settings

_AGE_S = 5.0
"""A change counts so much later at the latest, in all processes."""
_TABLE = message_log_settings


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Of one station."""

    enabled: bool = True
    keep_days: int | None = None
    """None: as long as those of the others."""


async def find(session: AsyncSession, station_key: str) -> LogSettings:
    """Return the settings of a station; the usual ones, if it has none of its own."""
    statement = select(_TABLE.c.enabled, _TABLE.c.keep_days).where(_TABLE.c.station_key == station_key)
    row = (await session.execute(statement)).one_or_none()
    return LogSettings() if row is None else LogSettings(*row)


async def put(session: WriteSession, station_key: str, settings: LogSettings) -> None:
    """Change the settings of a station."""
    await session.execute(delete(_TABLE).where(_TABLE.c.station_key == station_key))
    if settings != LogSettings():
        row = {"station_key": station_key, "enabled": settings.enabled, "keep_days": settings.keep_days}
        await session.execute(insert(session, _TABLE).values(**row, updated_at=utcnow()).on_conflict_do_nothing())


class Off:
    """Knows the stations whose messages are not kept, as they were some seconds ago at most."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._read_at: float | None = None
        self._keys: frozenset[str] = frozenset()

    async def keys(self) -> frozenset[str]:
        """Return their keys. Raises DatabaseUnavailable."""
        now = self._clock()
        if self._read_at is None or now - self._read_at >= _AGE_S:
            async with self._database.reading() as session:
                off = await session.scalars(select(_TABLE.c.station_key).where(_TABLE.c.enabled.is_(False)))
                self._keys = frozenset(off)
            self._read_at = now
        return self._keys

    def forget(self) -> None:
        """Read again when asked next: something was changed here."""
        self._read_at = None
