"""Applies templates to stations that have connected, as soon as they should have booted."""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog
from csms_bus.flow import Later
from csms_runtime.http import Problem
from csms_runtime.waiting import wait_for

from csms_device_mgmt.bulk.procedures import Task
from csms_device_mgmt.configuration import template_rows
from csms_device_mgmt.configuration.applying import Applying
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.unit import Units

BOOTS_WITHIN_S = 6.0
"""How long a station that has connected is given to boot first."""
MOST_WAITING = 100_000
"""Stations that are noted; of more the oldest are left out: they are as they are until they connect again."""
AT_ONCE = 20
_LOOK_S = 1.0

_log = structlog.get_logger(__name__)


class OnConnect:
    """Notes stations that connected, and applies their templates. What is noted is lost when the process ends."""

    def __init__(self, units: Units, presence: Presence, applying: Applying) -> None:
        self._units, self._presence, self._applying = units, presence, applying
        self._noted: deque[tuple[float, str]] = deque(maxlen=MOST_WAITING)

    def connected(self, station_ids: Sequence[str]) -> None:
        """Note stations. Does not block."""
        due = asyncio.get_running_loop().time() + BOOTS_WITHIN_S
        self._noted.extend((due, station_id) for station_id in station_ids)

    async def run(self, stop: asyncio.Event) -> None:
        """Apply until `stop` is set. Outlives outages of database and bus."""
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as applying:
            while not stop.is_set():
                station_id = self._due()
                if station_id is None:
                    await wait_for(stop, timeout_s=_LOOK_S)
                    continue
                await free.acquire()  # a station that is silent keeps one place, not all
                applying.create_task(self._apply(station_id)).add_done_callback(lambda _: free.release())

    def _due(self) -> str | None:
        now = asyncio.get_running_loop().time()
        return self._noted.popleft()[1] if self._noted and self._noted[0][0] <= now else None

    async def _apply(self, station_id: str) -> None:
        try:
            async with self._units.reading() as session:
                rows = await template_rows.of_station(session, station_id, self._presence, on_connect=True)
            for row in rows:
                wanted = template_rows.opened(self._units.sealer, row)
                task = Task(station_id, wanted._asdict(), f"configuration template {row.template_id}", None)
                await self._applying.apply(task, secrets=False)
        except (Later, Problem) as error:
            _log.info("no template applied", station_id=station_id, error=str(error))
        except Exception:  # noqa: BLE001 one station's fault ends not the others' turns
            _log.exception("no template applied", station_id=station_id)
