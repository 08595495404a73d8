"""Does what nothing else gives rise to: ends calls that nobody finished, reminds stations, forgets removed ones."""

import asyncio
from datetime import timedelta

import structlog
from csms_bus.flow import Later
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import RESULTS
from csms_runtime import metrics

from csms_device_mgmt.boot import onboarding
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.call_rows import CallOutcome, Completion
from csms_device_mgmt.commands.command import ORIGIN
from csms_device_mgmt.commands.completed_event import completed
from csms_device_mgmt.commands.consequences import consequence_of
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.commands.outcomes import result_of
from csms_device_mgmt.security_profile import profile_changes
from csms_device_mgmt.stations import removed_station_rows, station_rows
from csms_device_mgmt.unit import Units

GRACE = timedelta(seconds=60)
"""How long after its deadline a call is left alone: its outcome may still be on the bus."""
AT_ONCE = 500
"""Calls in one transaction: their stations' rows are locked meanwhile."""
REMOVED_AT_ONCE = 20
"""Removed stations that are looked at in one go."""

_log = structlog.get_logger(__name__)


class Sweeper:
    """Looks for such things again and again. More than one at a time, in several processes, do no harm."""

    def __init__(self, units: Units, interval_s: float) -> None:
        self._units = units
        self._interval_s = interval_s

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until `stop` is set."""
        while not stop.is_set():
            try:
                await self.sweep()
                await self.remind()
                await self.forget()
            except Later as error:
                _log.warning("sweep put off", error=str(error))
            try:
                await asyncio.wait_for(stop.wait(), self._interval_s)
            except TimeoutError:
                continue

    async def sweep(self) -> int:
        """Mark calls whose outcome never came as unknown and return how many. Raises DatabaseUnavailable."""
        total, expired = 0, AT_ONCE
        while expired == AT_ONCE:
            expired = await self._sweep_some()
            total += expired
        return total

    async def _sweep_some(self) -> int:
        async with self._units.open() as unit:
            found = await call_rows.overdue(unit.session, deadline_before=unit.now - GRACE, limit=AT_ONCE)
            await station_rows.lock(unit.session, found.values())  # before the calls' rows, as everybody does
            expired = await call_rows.expire(unit.session, found.keys(), unit.now)
            completion = Completion(CallOutcome.UNKNOWN, unit.now)
            for row in expired:
                unit.tell(completed(row, completion))
                if row.origin != ORIGIN:  # the service that ordered it is owed an outcome
                    unit.tell(Outgoing(RESULTS.name, new_record(row.station_id, command_result=result_of(row))))
                consequence = consequence_of(row.protocol, row.action)
                if consequence is not None:
                    await consequence(
                        unit,
                        Executed(row.call_id, row.station_id, row.protocol, row.action, row.request, completion),
                    )
        metrics.DEVICES_CALLS_EXPIRED.inc(len(expired))
        return len(expired)

    async def remind(self) -> None:
        """Go on with changes of security profiles and with onboarding that nothing moves on.

        Raises DatabaseUnavailable.
        """
        async with self._units.open() as unit:
            await profile_changes.remind(unit)
        async with self._units.open() as unit:
            await onboarding.remind(unit)

    async def forget(self) -> int:
        """Delete what still came of stations that were removed; return of how many. Raises DatabaseUnavailable."""
        async with self._units.open() as unit:
            found = await removed_station_rows.due(unit.session, unit.now, REMOVED_AT_ONCE)
            there_again = await station_rows.lock(unit.session, found)
            for station_id in found:
                if station_id in there_again:
                    await removed_station_rows.forget(unit.session, station_id)
                else:
                    await station_rows.remove_owned(unit.session, station_id)
                    await removed_station_rows.looked_at(unit.session, station_id, unit.now)
        return len(found)
