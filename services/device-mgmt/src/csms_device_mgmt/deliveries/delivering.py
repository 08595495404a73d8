"""Looks for calls that are due: whose station has come back, or that have waited long enough."""

import asyncio

import structlog
from csms_bus.flow import Later
from csms_bus.ports import Bus
from csms_runtime.clock import utcnow
from csms_runtime.waiting import wait_for

from csms_device_mgmt.commands.execution import CallExecution
from csms_device_mgmt.commands.many import Recorded, send_all
from csms_device_mgmt.deliveries import waiting, waiting_rows
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Units

INTERVAL_S = 1.0
"""How often it is looked."""
AT_ONCE = 50
"""Stations in one transaction: their rows are locked meanwhile."""
_AWAY_S = 5.0
"""How long nothing is sent after the bus was away."""

_log = structlog.get_logger(__name__)


class Deliveries:
    """Looks again and again. More than one at a time, in several processes, do no harm."""

    def __init__(self, units: Units, bus: Bus, execution: CallExecution) -> None:
        self._units = units
        self._bus = bus
        self._execution = execution

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Outlives outages of database and bus."""
        while not stop.is_set():
            wait_s = INTERVAL_S
            try:
                while not stop.is_set() and await self.turn():
                    pass
            except Later as error:
                wait_s = _AWAY_S
                _log.warning("calls wait longer for their stations", error=str(error))
            await wait_for(stop, timeout_s=wait_s)

    async def turn(self) -> bool:
        """Send, or end, what is due; return whether there may be more. Raises Later."""
        async with self._units.reading() as session:
            found = await waiting_rows.due(session, utcnow(), AT_ONCE)
        if not found:
            return False
        recorded: list[Recorded] = []
        async with self._units.open() as unit:
            stations = await station_rows.lock(unit.session, found)
            for station in stations.values():
                recorded += [Recorded(*sent) for sent in await waiting.deliver(unit, station)]
            await waiting_rows.remove(unit.session, set(found) - stations.keys())
        if not await send_all(self._execution, self._bus, recorded):
            raise Later("the bus is away")
        return len(found) == AT_ONCE
