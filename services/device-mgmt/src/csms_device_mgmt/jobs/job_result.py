"""UpdateFirmware, PublishFirmware and GetLog (L01, L03, N01): whether the station does it."""

from csms_device_mgmt import versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import CANCELED, Course, JobKind, JobState, after_response
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.tables import Job
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Move the job on. When the station canceled another one for it, that one is over (L01.FR.24, N01.FR.12)."""
    course = versions.of(executed.protocol).courses[executed.action]
    job = await _job(unit, executed, course)
    if job is None or job.call_id != executed.call_id:
        return  # asked for by another service, or a later call uses the same requestId
    kind, request_id, response = course.kind, job.request_id, executed.response
    status = None if response is None else course.agreed(response)
    sent = not executed.completion.never_sent
    job.state = after_response(JobState(job.state), status, sent=sent).value
    job.response = redacted(executed.protocol, executed.action, response) if response else None
    job.updated_at = executed.completion.completed_at
    if status == CANCELED:
        await _cancel_others(unit, executed.station_id, kind, request_id)


async def _job(unit: Unit, executed: Executed, course: Course) -> Job | None:
    if not course.is_numbered:
        return await job_rows.of_call(unit.session, executed.station_id, course.kind, executed.call_id)
    request_id = executed.request.get("requestId")
    if request_id is None:
        return None  # the gateway leaves a request out that is too large for the bus
    return await job_rows.find(unit.session, executed.station_id, course.kind, request_id, lock=True)


async def _cancel_others(unit: Unit, station_id: str, kind: JobKind, request_id: int) -> None:
    for other in await job_rows.under_way(unit.session, station_id, kind):
        if other.request_id != request_id:
            other.state, other.updated_at = JobState.CANCELED.value, unit.now
