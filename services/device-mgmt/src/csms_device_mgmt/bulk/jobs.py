"""Has jobs of commands for many stations worked on: each by one process at a time, which has a lease on it."""

import asyncio
from collections.abc import Callable

import structlog
from csms_bus.flow import Later
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id
from csms_runtime.sealing import CannotOpen
from csms_runtime.waiting import Backoff, wait_for

from csms_device_mgmt.bulk import bulk_rows
from csms_device_mgmt.bulk.working import Work
from csms_device_mgmt.unit import Units

MOST_AT_ONCE = 8
"""Jobs that one process works on; others wait for it, or for another process."""
POLL_S = 1.0
"""How often it is looked for jobs that no process has, or has any more."""

_log = structlog.get_logger(__name__)


class BulkJobs:
    """Works on jobs until it is stopped. In several processes each job is worked on by one of them."""

    def __init__(self, units: Units, make: Callable[[str, str], Work]) -> None:
        """`make(bulk_id, owner)` makes what works on a job."""
        self._units = units
        self._make = make
        self._owner = new_id()
        self._woken = asyncio.Event()
        self._working: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look for jobs at once. Does not block."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Outlives outages of database and bus."""
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                self._woken.clear()
                for bulk_id in await self._claimed():
                    task = tasks.create_task(self._work(bulk_id, stop), name=f"bulk-{bulk_id}")
                    self._working.add(task)
                    task.add_done_callback(self._working.discard)
                await wait_for(stop, self._woken, timeout_s=POLL_S)

    async def _claimed(self) -> list[str]:
        room = MOST_AT_ONCE - len(self._working)
        if room <= 0:
            return []
        try:
            async with self._units.reading() as session:
                if not await bulk_rows.is_any_free(session, utcnow()):
                    return []
            async with self._units.open() as unit:
                return list(await bulk_rows.claim(unit.session, self._owner, unit.now, room))
        except Later as error:
            _log.warning("no bulk jobs", error=str(error))
            return []

    async def _work(self, bulk_id: str, stop: asyncio.Event) -> None:
        work, backoff = self._make(bulk_id, self._owner), Backoff(0.2, 10.0)
        wait_s: float | None = 0.0
        while wait_s is not None and not stop.is_set():
            try:
                wait_s = await work.turn()
                backoff.reset()
            except CannotOpen as error:
                await work.fail(error)
            except Later as error:
                wait_s = backoff.next_pause()
                _log.warning("a bulk job waits", bulk_id=bulk_id, error=str(error))
            if wait_s:
                await wait_for(stop, timeout_s=wait_s)
        await work.stop()
        if wait_s is not None:
            await self._release(work)

    async def _release(self, work: Work) -> None:
        try:
            await work.release()
        except Later as error:
            _log.warning("a bulk job is released later", error=str(error))
