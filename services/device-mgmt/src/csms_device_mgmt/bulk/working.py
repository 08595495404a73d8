"""Works on one job of a command for many stations: selects, sends at its rate, takes in what stations answered."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from csms_bus.ports import Bus
from csms_runtime.sealing import CannotOpen, Sealer
from sqlalchemy import ColumnElement

from csms_device_mgmt.bulk import bulk_rows, selection
from csms_device_mgmt.bulk.bulk_rows import Moved
from csms_device_mgmt.bulk.procedures import Doing, Done, Procedures, Task, shown
from csms_device_mgmt.bulk.progress import BATCH, BulkState, Rate, TargetStatus, counted
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.campaigns import updating
from csms_device_mgmt.campaigns.plan import Plan
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
_RESTING = timedelta(seconds=15)
"""How long nobody looks at a job that is paused, or waits for stations that are away. Who resumes it says so."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Turn:
    """What was recorded, and is to be done when that is stored."""

    recorded: Sequence[Recorded] = ()
    begun: Mapping[int, Task] = field(default_factory=dict)


class Work:
    """One job that this process has. `turn` again and again, until it says that nothing is left."""

    def __init__(  # noqa: PLR0917 the first five are the same for all jobs
        self,
        units: Units,
        bus: Bus,
        execution: CallExecution,
        presence: Presence,
        sealer: Sealer,
        procedures: Procedures,
        bulk_id: str,
        owner: str,
    ) -> None:
        self._bulk_id, self._owner = bulk_id, owner
        self._units, self._bus, self._execution, self._presence = units, bus, execution, presence
        self._sealer, self._procedures = sealer, procedures
        self._doing: Doing | None = None
        self._calls: ManyCalls | None = None
        self._rate: Rate | None = None
        self._answers_at = 0.0
        self._not_before = 0.0
        self._all_selected = False
        self._is_held_up = False
        """Whether no station of a campaign may be begun with for now."""
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

    async def stop(self) -> None:
        """End what is at work at stations."""
        if self._doing is not None:
            await self._doing.stop()

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
        turn = _Turn()
        async with self._units.open() as unit:
            row = await self._held(unit)
            if row is None:
                return None
            if row.state == BulkState.CANCELLED:
                return await self._cancel_some(unit, row)
            if row.state != BulkState.RUNNING or now < self._not_before:
                return ANSWERS_S
            wait_s = await self._take_turn(unit, row, now, turn)
        for position, task in turn.begun.items():
            self._at_stations(row).begin(position, task)
        if not await send_all(self._execution, self._bus, turn.recorded):
            self._not_before = now + _AWAY_S
        return wait_s

    async def _take_turn(self, unit: Unit, row: BulkJob, now: float, turn: "_Turn") -> float:
        """Record what is done at the stations whose turn it is; return how long nothing more can be, in seconds."""
        rate = self._rate = self._rate or Rate(row.rate_per_s, now)
        ready = rate.ready(now)
        if not ready:
            return max(_TICK_S, rate.wait_s)
        if row.procedure is not None:
            ready = min(ready, self._at_stations(row).room)
        conditions = await self._plan_lets(unit, row)
        if row.plan is not None and conditions is not None:
            ready = min(ready, Plan.model_validate(row.plan).room(row.counts, row.total))
        targets = []
        if ready > 0 and conditions is not None:
            targets = list(await bulk_rows.waiting(unit.session, self._bulk_id, min(ready, BATCH), conditions))
        self._is_held_up = row.plan is not None and not targets
        if not targets:
            return ANSWERS_S
        rate.take(len(targets))
        if row.procedure is None:
            turn.recorded = await self._record(unit, row, targets)
        else:
            turn.begun = await self._begin(unit, row, targets)
        return _TICK_S

    async def _plan_lets(self, unit: Unit, row: BulkJob) -> Sequence[ColumnElement[bool]] | None:
        """Return the conditions on stations that a campaign may begin with now; None: none. It stops if many failed."""
        if row.plan is None:
            return ()
        plan = Plan.model_validate(row.plan)
        if row.note is None and plan.is_failing(row.counts):
            row.state, row.note = BulkState.PAUSED.value, "more stations failed than `stop_on_failure_rate` allows"
            return None
        return await updating.in_window(unit.session, plan, unit.now)

    def _at_stations(self, row: BulkJob) -> Doing:
        if self._doing is None:
            self._doing = Doing(self._procedures[row.procedure or ""])
        return self._doing

    async def _begin(self, unit: Unit, row: BulkJob, targets: Sequence[BulkTarget]) -> dict[int, Task]:
        """Note that a procedure begins at some stations; return what is to be done when that is stored."""
        moved: list[Moved] = [(each.position, TargetStatus.OPEN, None, None, None) for each in targets]
        await bulk_rows.move(unit.session, self._bulk_id, moved)
        row.counts = counted(row.counts, (), [TargetStatus.OPEN] * len(moved))
        payload, by = bulk_rows.opened(self._sealer, row), row.requested_by or ""
        return {each.position: Task(each.station_id, payload, by, row.timeout_s) for each in targets}

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
        ended: Sequence[tuple[int, Done]] = ()
        goes_on = False
        async with self._units.open() as unit:
            row = await self._held(unit)
            if row is not None:
                ended = () if self._doing is None else self._doing.done()
                goes_on = await self._take(unit, row, ended)
        if self._doing is not None:
            self._doing.forget([position for position, _ in ended])
        return goes_on

    async def _take(self, unit: Unit, row: BulkJob, ended: Sequence[tuple[int, Done]]) -> bool:
        """Take in what is over; False: nothing is left to do for now, or for good."""
        await self._store_ended(unit, row, ended)
        done = await bulk_rows.answered(unit.session, self._bulk_id, _ANSWERS)
        if self._doing is not None:
            done = [each for each in done if each[0] not in self._doing]
        await bulk_rows.complete(unit.session, self._bulk_id, done)
        left = [TargetStatus.OPEN] * len(done)
        row.counts = counted(row.counts, left, (outcome for _, outcome, _ in done))
        await self._look_at_deferred(unit, row)
        return self._goes_on(unit, row)

    async def _store_ended(self, unit: Unit, row: BulkJob, ended: Sequence[tuple[int, Done]]) -> None:
        moved: list[Moved] = [(at, done.status, done.call_id, done.refusal, unit.now) for at, done in ended]
        await bulk_rows.move(unit.session, self._bulk_id, moved)
        row.counts = counted(row.counts, [TargetStatus.OPEN] * len(moved), (done.status for _, done in ended))

    def _goes_on(self, unit: Unit, row: BulkJob) -> bool:
        """Whether something is to be done soon. A job of which nothing is left is over."""
        if row.counts.get(TargetStatus.OPEN) or self._deferred_after:
            return True
        is_all_sent = sum(row.counts.values()) >= row.total
        if not is_all_sent and row.state == BulkState.RUNNING and self._is_held_up:
            bulk_rows.release(row, unit.now + _RESTING)
            return False
        if not is_all_sent and row.state != BulkState.PAUSED:
            return True
        is_deferred = bool(row.counts.get(TargetStatus.DEFERRED))
        if is_deferred and row.state == BulkState.CANCELLED and row.plan is None:
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
        if row.plan is not None:
            await self._look_at_updates(unit, row, Plan.model_validate(row.plan))
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

    async def _look_at_updates(self, unit: Unit, row: BulkJob, plan: Plan) -> None:
        """See what became of some updates; of the first ones again after the last."""
        found = await updating.asked(
            unit.session, self._bulk_id, plan, after=self._deferred_after, limit=_ANSWERS, now=unit.now
        )
        self._deferred_after = found[-1].position if len(found) == _ANSWERS else 0
        done = [(each.position, each.status.value, unit.now) for each in found if each.status is not None]
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
    return position, TargetStatus.REFUSED, None, shown(found), now
