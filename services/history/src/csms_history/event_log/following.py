"""Follows the events, once for everybody in this process: the newest ones are kept in memory."""

import asyncio
from bisect import bisect_right
from collections import deque
from itertools import islice
from operator import attrgetter

import structlog
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.waiting import Backoff, wait_for

from csms_history.event_log import log_rows
from csms_history.event_log.log_rows import Logged

_log = structlog.get_logger(__name__)

KEPT_BYTES = 16 * 1024 * 1024
"""Of the newest events, in memory."""
_AT_ONCE = 500
"""Events that are read in one go."""
_BYTES_AT_ONCE = 1024 * 1024
_EVERY_S = 0.25
"""How often the database is asked for more, while nobody says that there is."""


class Following:
    """What everybody who follows the events in this process reads. Safe for use by many tasks."""

    def __init__(self, database: Database, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._database = database
        self._kept_bytes = kept_bytes
        self._kept: deque[Logged] = deque()
        self._bytes = 0
        self._since = 0
        """All events with higher numbers up to `newest` are in memory."""
        self.newest = 0
        """The highest number that was read."""
        self._more = asyncio.Event()
        self._begun = asyncio.Event()
        self.stopped = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Read what is recorded until `stop` is set."""
        backoff = Backoff(_EVERY_S, 5.0)
        while not stop.is_set():
            try:
                read = await self._read()
                backoff.reset()
            except DatabaseUnavailable as error:
                _log.warning("events are not followed for now", error=str(error))
                await wait_for(stop, timeout_s=backoff.next_pause())
                continue
            if not read:
                await wait_for(stop, timeout_s=_EVERY_S)
        self.stopped.set()
        self._wake()

    async def begun(self) -> None:
        """Wait until it is known which event is the newest."""
        await wait_for(self._begun, self.stopped)

    async def wait_beyond(self, number: int, timeout_s: float) -> bool:
        """Wait until there is an event with a higher number; False: there is none within that time, or it is over."""
        if self.newest > number:
            return True
        if self.stopped.is_set():
            return False
        await wait_for(self._more, self.stopped, timeout_s=timeout_s)
        return self.newest > number

    async def after(self, number: int) -> list[Logged]:
        """Return events with higher numbers, in their order; some megabyte at most. Raises DatabaseUnavailable."""
        if number >= self._since:
            first = bisect_right(self._kept, number, key=attrgetter("id"))
            return _bounded(list(islice(self._kept, first, first + _AT_ONCE)))
        async with self._database.reading() as session:
            return await log_rows.after(session, number, limit=_AT_ONCE, most_bytes=_BYTES_AT_ONCE)

    async def oldest(self) -> int | None:
        """Return the lowest number that is kept; None: there are no events. Raises DatabaseUnavailable."""
        async with self._database.reading() as session:
            return await log_rows.oldest(session)

    async def _read(self) -> int:
        async with self._database.reading() as session:
            if not self._begun.is_set():
                self.newest = self._since = await log_rows.newest(session)
                self._begun.set()
            found = await log_rows.after(session, self.newest, limit=_AT_ONCE, most_bytes=_BYTES_AT_ONCE)
        for logged in found:
            self._keep(logged)
        if found:
            self._wake()
        return len(found)

    def _keep(self, logged: Logged) -> None:
        self._kept.append(logged)
        self._bytes += len(logged.text)
        self.newest = logged.id
        while self._bytes > self._kept_bytes and len(self._kept) > 1:
            gone = self._kept.popleft()
            self._bytes -= len(gone.text)
            self._since = gone.id

    def _wake(self) -> None:
        """Wake everybody who waits, and nobody who comes later."""
        self._more.set()
        self._more = asyncio.Event()


def _bounded(events: list[Logged]) -> list[Logged]:
    total = 0
    for count, logged in enumerate(events):
        total += len(logged.text)
        if total > _BYTES_AT_ONCE and count:
            return events[:count]
    return events
