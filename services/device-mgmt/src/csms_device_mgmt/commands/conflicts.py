"""Rules about requests that need what is known of the station."""

from collections.abc import AsyncIterator

from csms_runtime.http import Problem
from csms_runtime.http.problems import FieldError
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt import versions
from csms_device_mgmt.certificates import installed_certificate_rows
from csms_device_mgmt.certificates.certificate_rules import deletion
from csms_device_mgmt.commands.command import Command
from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind, JobState
from csms_device_mgmt.smart_charging import station_limits
from csms_device_mgmt.versions.version import Follows

USED_BEFORE = (
    "the requestId was used before for an update of this station. That each has its own is a rule of this CSMS, not of "
    "OCPP: what the station reports is told apart by it. POST /stations/{id}/firmware-updates chooses one"
)


async def check_known(session: AsyncSession, command: Command) -> None:
    """Raise Problem 422 if what is known of the station stands against a command that is valid in itself."""
    errors = [FieldError(*finding) async for finding in _findings(session, command)]
    if errors:
        detail = f"{command.action} does not fit what is known of the station"
        raise Problem(422, "Payload refused", detail, errors=errors)


def may_conflict(command: Command) -> bool:
    """Whether `check_known` looks at anything for this command."""
    version = versions.of(command.protocol)
    course = version.courses.get(command.action)
    is_update = course is not None and course.kind is JobKind.FIRMWARE_UPDATE
    return is_update or Follows.CERTIFICATE_DELETED in version.follows.get(command.action, ())


async def _findings(session: AsyncSession, command: Command) -> AsyncIterator[Finding]:
    station_id, payload, version = command.station_id, command.payload, versions.of(command.protocol)
    course = version.courses.get(command.action)
    if course is not None and course.kind is JobKind.FIRMWARE_UPDATE and course.is_numbered:
        job = await job_rows.find(session, station_id, course.kind, payload["requestId"])
        if job is not None and job.state != JobState.NOT_SENT:
            yield Finding("/requestId", USED_BEFORE)
    profile_set = version.profiles_set.get(command.action)
    profile = None if profile_set is None else profile_set(payload)
    if profile is not None:
        external = await station_limits.max_external_id(session, station_id)
        if external is not None and profile["id"] <= external:
            yield Finding("/chargingProfile/id", f"ids up to {external} are the station's own (K01.FR.80)")
    if Follows.CERTIFICATE_DELETED in version.follows.get(command.action, ()):
        known = await installed_certificate_rows.all_hash_data(session, station_id)
        for finding in deletion(payload, known):
            yield finding
