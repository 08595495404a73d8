"""What begins with a CALL: a report or a job, known from before it is sent, so that no answer comes to nothing."""

from csms_device_mgmt import versions
from csms_device_mgmt.commands.command import Command
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.series import Series
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit


async def begin(unit: Unit, command: Command) -> None:
    """Begin what the command asks for, in the transaction that records it."""
    version = versions.of(command.protocol)
    series, course = version.reports.get(command.action), version.courses.get(command.action)
    if series is None and course is None:
        return
    await station_rows.request_id_taken(unit.session, command.station_id, command.payload["requestId"])
    if series is not None:
        await _begin_report(unit, command, series)
    if course is not None:
        await _begin_job(unit, command, course.kind)


async def _begin_report(unit: Unit, command: Command, series: Series) -> None:
    await report_rows.begin(
        unit.session,
        command.station_id,
        command.payload["requestId"],
        message=series.message,
        kind=command.action,
        call_id=command.call_id,
        now=unit.now,
    )


async def _begin_job(unit: Unit, command: Command, kind: JobKind) -> None:
    await job_rows.begin(
        unit.session,
        command.station_id,
        kind,
        command.payload["requestId"],
        call_id=command.call_id,
        request=redacted(command.protocol, command.action, command.payload),
        now=unit.now,
    )
