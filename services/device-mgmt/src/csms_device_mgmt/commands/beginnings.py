"""What begins with a CALL: a report or a job, known from before it is sent, so that no answer comes to nothing."""

from typing import Any

from csms_device_mgmt import versions
from csms_device_mgmt.commands.command import Command
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.series import DEVICE_MODEL, Series
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit
from csms_device_mgmt.versions.version import DeviceVersion


async def begin(unit: Unit, command: Command) -> None:
    """Begin what the command asks for, in the transaction that records it."""
    version = versions.of(command.protocol)
    series, course = _series(version, command.action, command.payload), version.courses.get(command.action)
    if series is None and course is None:
        return
    request_id = await _request_id(unit, command)
    if request_id is None:
        return  # the station was deleted meanwhile
    if series is not None:
        await _begin_report(unit, command, series, request_id)
    if course is not None:
        await _begin_job(unit, command, course.kind, request_id)


def begins(version: DeviceVersion, action: str, payload: Any) -> bool:  # noqa: ANN401 it need not be valid
    """Whether a command asks for a report or a job."""
    is_object = isinstance(payload, dict)
    return action in version.courses or (is_object and _series(version, action, payload) is not None)


def _series(version: DeviceVersion, action: str, payload: dict[str, Any]) -> Series | None:
    if version.is_model_report(action, payload):
        return DEVICE_MODEL
    return version.reports.get(action)


async def _request_id(unit: Unit, command: Command) -> int | None:
    """Return the requestId, which nobody is given again. Where its messages have none it is the one that was chosen."""
    if command.request_id is not None:
        return command.request_id
    if "requestId" not in command.payload:
        return await station_rows.take_request_id(unit.session, command.station_id)
    request_id: int = command.payload["requestId"]
    await station_rows.request_id_taken(unit.session, command.station_id, request_id)
    return request_id


async def _begin_report(unit: Unit, command: Command, series: Series, request_id: int) -> None:
    await report_rows.begin(
        unit.session,
        command.station_id,
        request_id,
        message=series.message,
        kind=command.action,
        call_id=command.call_id,
        now=unit.now,
    )


async def _begin_job(unit: Unit, command: Command, kind: JobKind, request_id: int) -> None:
    await job_rows.begin(
        unit.session,
        command.station_id,
        kind,
        request_id,
        call_id=command.call_id,
        request=redacted(command.protocol, command.action, command.payload),
        now=unit.now,
    )
