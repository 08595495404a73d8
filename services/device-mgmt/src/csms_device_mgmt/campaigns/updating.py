"""Asking a station for the firmware of a campaign, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from csms_runtime.http import Problem
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.bulk.procedures import Done, Task
from csms_device_mgmt.bulk.progress import TargetStatus
from csms_device_mgmt.campaigns.plan import Plan
from csms_device_mgmt.commands.call_rows import CallOutcome
from csms_device_mgmt.commands.execution import CallExecution, CallRequest, needed
from csms_device_mgmt.commands.request_routes import new_request_id
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind, JobState
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.stations.firmware_versions import sort_key
from csms_device_mgmt.tables import BulkTarget, Job, Site, Station
from csms_device_mgmt.unit import Units

PROCEDURE = "firmware"
"""What campaigns are stored with."""
_OVER = {
    JobState.COMPLETED: TargetStatus.RESULT,
    JobState.FAILED: TargetStatus.ERROR,
    JobState.REJECTED: TargetStatus.ERROR,
    JobState.CANCELED: TargetStatus.ERROR,
    JobState.NOT_SENT: TargetStatus.NOT_CONNECTED,
}


class Updating:
    """Asks stations. Safe for use by many tasks."""

    def __init__(self, units: Units, execution: CallExecution) -> None:
        self._units = units
        self._execution = execution

    async def procedure(self, task: Task) -> Done:
        """Ask a station that has another version for the update; the payload has `version` and `request`."""
        async with self._units.reading() as session:
            station = await station_rows.find(session, task.station_id)
        if station is not None and station.firmware_key == sort_key(task.payload["version"]):
            return Done(TargetStatus.RESULT)
        version = await self._execution.version_of(task.station_id)
        wanted = version.job_request(JobKind.FIRMWARE_UPDATE, task.payload["request"])
        action, payload = needed(version, wanted, "firmware updates")
        request_id = await new_request_id(self._units, task.station_id)
        is_numbered = version.is_numbered(action)
        request = CallRequest(
            task.station_id,
            action,
            {"requestId": request_id, **payload} if is_numbered else payload,
            task.requested_by,
            task.timeout_s,
            request_id=None if is_numbered else request_id,
        )
        row = await self._execution.run(request)
        if row.outcome != CallOutcome.RESULT:
            return Done(TargetStatus(row.outcome or TargetStatus.UNKNOWN), row.call_id)
        async with self._units.reading() as session:
            job = await job_rows.find(session, task.station_id, JobKind.FIRMWARE_UPDATE, request_id)
        if job is not None and job.state == JobState.REJECTED:
            raise Problem(409, "Rejected", f"the station answered {(row.response or {}).get('status')}")
        return Done(TargetStatus.DEFERRED, row.call_id)


class Ended(NamedTuple):
    """A station of a campaign that was asked, and what is known of it now."""

    position: int
    status: TargetStatus | None
    """None: it is still at it."""


async def asked(
    session: AsyncSession, bulk_id: str, plan: Plan, *, after: int, limit: int, now: datetime
) -> Sequence[Ended]:
    """Return the stations behind a position that are at an update."""
    of_job = and_(
        Job.station_id == BulkTarget.station_id,
        Job.kind == JobKind.FIRMWARE_UPDATE.value,
        Job.call_id == BulkTarget.call_id,
    )
    which = (
        BulkTarget.bulk_id == bulk_id,
        BulkTarget.status == TargetStatus.DEFERRED.value,
        BulkTarget.position > after,
    )
    statement = (
        select(BulkTarget.position, Job.state, Job.created_at, Station.firmware_key)
        .join(Job, of_job, isouter=True)
        .join(Station, Station.station_id == BulkTarget.station_id, isouter=True)
        .where(*which)
        .order_by(BulkTarget.position)
        .limit(limit)
    )
    key = sort_key(plan.version)
    return [
        Ended(position, _status(state, created_at, is_there=firmware == key, plan=plan, now=now))
        for position, state, created_at, firmware in await session.execute(statement)
    ]


def _status(
    state: str | None, created_at: datetime | None, *, is_there: bool, plan: Plan, now: datetime
) -> TargetStatus | None:
    if is_there:
        return TargetStatus.RESULT
    if state is None or created_at is None:
        return TargetStatus.UNKNOWN
    over = _OVER.get(JobState(state))
    return TargetStatus.TIMEOUT if over is None and now - created_at > plan.longest else over


async def in_window(session: AsyncSession, plan: Plan, now: datetime) -> Sequence[ColumnElement[bool]] | None:
    """Return the conditions on targets that may be begun with now; None: none may."""
    window = plan.window
    if window is None:
        return ()
    if window.time_zone == "UTC":
        return () if window.is_open(now.time()) else None
    zones = [zone for zone in await session.scalars(select(Site.time_zone).distinct()) if zone is not None]
    sites = select(Site.site_id).where(Site.time_zone.in_(window.open_zones(zones, now)))
    stations = select(Station.station_id).where(Station.site_id.in_(sites))
    if not window.is_open(now.time()):
        return (BulkTarget.station_id.in_(stations),)
    in_other = select(Station.station_id).where(
        Station.site_id.in_(select(Site.site_id).where(Site.time_zone.is_not(None)))
    )
    return (or_(BulkTarget.station_id.in_(stations), BulkTarget.station_id.not_in(in_other)),)
