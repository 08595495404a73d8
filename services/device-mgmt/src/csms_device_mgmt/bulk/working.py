"""Works on one job of a command for many stations: selects, sends at its rate, takes in what stations answered."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from csms_bus.ports import Bus
from csms_runtime.http import Problem
from csms_runtime.sealing import CannotOpen, Sealer

from csms_device_mgmt.bulk import bulk_rows, selection
from csms_device_mgmt.bulk.bulk_rows import Moved
from csms_device_mgmt.bulk.progress import BATCH, BulkState, Rate, TargetStatus, counted
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.commands.call_rows import CallState
from csms_device_mgmt.commands.execution import CallExecution
from csms_device_mgmt.commands.many import Found, Kept, ManyCalls, Order, Recorded, send_all
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.deliveries import waiting
from csms_device_mgmt.tables import BulkJob, BulkTarget
from csms_device_mgmt.unit import Unit, Units

ANSWERS_S = 0.25
"""How often it is looked what stations answered."""
_ANSWERS = 1000
"""Answers that are taken in at a time."""
_TICK_S = 0.05
"""The shortest pause between two batches: smaller ones cost more for each station."""
_AWAY_S = 5.0
"""How long nothing is sent after the bus was away: stations' turns would be used up."""
_RESTING = timedelta(seconds=30)
"""How long nobody looks at a job that is paused, or waits for stations that are away. Who resumes it says so."""
_MOST_ERRORS = 3
"""Of what is wrong with a payload, that a station's row tells."""

_log = structlog.get_logger(__name__)


class Work:
    """One job that this process has. `turn` again and again, until it says that nothing is left."""

    def __init__(  # noqa: PLR0917 the first five are the same for all jobs
        self,
        units: Units,
        bus: Bus,
        execution: CallExecution,
        presence: Presence,
        sealer: Sealer,
        bulk_id: str,
        owner: str,
    ) -> None:
        self._bulk_id, self._owner = bulk_id, owner
        self._units, self._bus, self._execution, self._presence = units, bus, execution, presence
        self._sealer = sealer
        self._calls: ManyCalls | None = None
        self._rate: Rate | None = None
        self._answers_at = 0.0
        self._not_before = 0.0
        self._all_selected = False
        self._deferred_after = 0
        """The last position whose waiting call was looked at; 0: all were."""

    async def turn(self) -> float | None:
        """Do what can be done now. Return how long nothing can be, in seconds; None: the job is over, or another's.

        Raises DatabaseUnavailable.
        """
        now = asyncio.get_running_loop().time()
        if not self._all_selected:
            return await self._select()
        wait_s = await self._send(now)
        if wait_s is not None and now >= self._answers_at:
            self._answers_at = now + ANSWERS_S
            if not await self._take_answers():
                return None
        return wait_s

    async def release(self) -> None:
        """Let another process have the job at once. Raises DatabaseUnavailable."""
        async with self._units.open() as unit:
            row = await bulk_rows.lock(unit.session, self._bulk_id)
            if row is not None and row.lease_owner == self._owner:
                bulk_rows.release(row, None)

    async def _held(self, unit: Unit) -> BulkJob | None:
        return await bulk_rows.held(unit.session, self._bulk_id, self._owner, unit.now)

    async def _select(self) -> float | None:
        async with self._units.open() as unit:
            row = await self._held(unit)
            if row is None:
                return None
            self._all_selected = row.is_selected or row.state == BulkState.CANCELLED
            if self._all_selected:
                return 0
            wanted = Selection.model_validate(row.selection)
            ids, after = await selection.following(unit.session, wanted, self._presence, row.selected_until)
            room = unit.settings.bulk_stations - row.total  # stations that came since they were counted
            await bulk_rows.add_targets(unit.session, row, ids[:room])
            row.selected_until, row.is_selected = after, after is None or len(ids) >= room
        return 0

    async def _send(self, now: float) -> float | None:
        """Send to the stations whose turn it is. Return as `turn`."""
        recorded: list[Recorded] = []
        async with self._units.open() as unit:
            row = await self._held(unit)
            if row is None:
                return None
            if row.state == BulkState.CANCELLED:
                return await self._cancel_some(unit, row)
            if row.state != BulkState.RUNNING or now < self._not_before:
                return ANSWERS_S
            rate = self._rate = self._rate or Rate(row.rate_per_s, now)
            ready = rate.ready(now)
            if not ready:
                return max(_TICK_S, rate.wait_s)
            targets = await bulk_rows.waiting(unit.session, self._bulk_id, min(ready, BATCH))
            if not targets:
                return ANSWERS_S
            rate.take(len(targets))
            recorded = await self._record(unit, row, targets)
        if not await send_all(self._execution, self._bus, recorded):
            self._not_before = now + _AWAY_S
        return _TICK_S

    async def _record(self, unit: Unit, row: BulkJob, targets: Sequence[BulkTarget]) -> list[Recorded]:
        """Record the calls to some stations, and where these stand, in one transaction."""
        if self._calls is None:
            order = Order(
                row.action,
                bulk_rows.opened(self._sealer, row),
                row.requested_by or "",
                row.timeout_s,
                row.deliver_until,
                row.replaces,
            )
            self._calls = ManyCalls(order)
        found = await self._calls.record(unit, [target.station_id for target in targets])
        moved = [_moved(target.position, found[target.station_id], unit.now) for target in targets]
        await bulk_rows.move(unit.session, self._bulk_id, moved)
        row.counts = counted(row.counts, (), (status for _, status, *_ in moved))
        return [each for each in found.values() if isinstance(each, Recorded)]

    async def _cancel_some(self, unit: Unit, row: BulkJob) -> float:
        targets = await bulk_rows.waiting(unit.session, self._bulk_id, selection.SLICE)
        over: list[Moved] = [(each.position, TargetStatus.CANCELLED, None, None, unit.now) for each in targets]
        await bulk_rows.move(unit.session, self._bulk_id, over)
        row.counts = counted(row.counts, (), [TargetStatus.CANCELLED] * len(over))
        return 0 if over else ANSWERS_S

    async def _take_answers(self) -> bool:
        """Store what became of calls that are over. False: nothing is left to do, or the job is another's."""
        async with self._units.open() as unit:
            row = await self._held(unit)
            if row is None:
                return False
            done = await bulk_rows.answered(unit.session, self._bulk_id, _ANSWERS)
            await bulk_rows.complete(unit.session, self._bulk_id, done)
            left = [TargetStatus.OPEN] * len(done)
            row.counts = counted(row.counts, left, (outcome for _, outcome, _ in done))
            await self._look_at_deferred(unit, row)
            if row.counts.get(TargetStatus.OPEN) or self._deferred_after:
                return True
            is_all_sent = sum(row.counts.values()) >= row.total
            if not is_all_sent and row.state != BulkState.PAUSED:
                return True
            is_deferred = bool(row.counts.get(TargetStatus.DEFERRED))
            if is_deferred and row.state == BulkState.CANCELLED:
                return True
            if not is_all_sent or is_deferred:
                bulk_rows.release(row, unit.now + _RESTING)
                return False
            row.finished_at, row.sealed, row.lease_owner = unit.now, None, None
            if row.state != BulkState.CANCELLED:
                row.state = BulkState.COMPLETED.value
        return False

    async def _look_at_deferred(self, unit: Unit, row: BulkJob) -> None:
        """See what became of some calls that wait for their stations; of the first ones again after the last.

        Of a job that was cancelled they are cancelled, too.
        """
        if not row.counts.get(TargetStatus.DEFERRED):
            self._deferred_after = 0
            return
        found = await bulk_rows.deferred(unit.session, self._bulk_id, self._deferred_after, _ANSWERS)
        self._deferred_after = found[-1][0] if len(found) == _ANSWERS else 0
        if row.state == BulkState.CANCELLED:
            waits = [call_id for _, call_id, state, *_ in found if state == CallState.WAITING and call_id]
            await waiting.cancel_all(unit, waits, "the bulk job was cancelled")
        done = [
            (position, outcome or (TargetStatus.UNKNOWN if state is None else TargetStatus.OPEN), at)
            for position, _, state, outcome, at in found
            if state != CallState.WAITING
        ]
        await bulk_rows.complete(unit.session, self._bulk_id, done)
        row.counts = counted(row.counts, [TargetStatus.DEFERRED] * len(done), (status for _, status, _ in done))

    async def fail(self, error: CannotOpen) -> None:
        """End a job whose payload cannot be opened any more: CSMS_SECRET_KEY is another."""
        _log.error("a bulk job cannot go on", bulk_id=self._bulk_id, error=str(error))
        async with self._units.open() as unit:
            row = await self._held(unit)
            if row is not None:
                row.state = BulkState.CANCELLED.value


def _moved(position: int, found: Found, now: datetime) -> Moved:
    if isinstance(found, Recorded | Kept):
        status = TargetStatus.OPEN if isinstance(found, Recorded) else TargetStatus.DEFERRED
        return position, status, found.command.call_id, None, None
    if found is None:
        return position, TargetStatus.NOT_CONNECTED, None, None, now
    return position, TargetStatus.REFUSED, None, _shown(found), now


def _shown(problem: Problem) -> Mapping[str, Any]:
    """A problem as a station's row has it."""
    errors = [{"pointer": each.pointer, "detail": each.detail} for each in problem.errors[:_MOST_ERRORS]]
    return {"status": problem.status, "title": problem.title, "detail": problem.detail, "errors": errors}
