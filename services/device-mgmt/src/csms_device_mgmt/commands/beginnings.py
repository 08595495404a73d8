"""What begins with a CALL: a report or a job, known from before it is sent, so that no answer comes to nothing."""

from csms_ocpp.versions import Protocol

from csms_device_mgmt.commands.command import Command
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import KIND_OF_ACTION
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.series import BY_ACTION
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit


async def begin(unit: Unit, command: Command) -> None:
    """Begin what the command asks for, in the transaction that records it. OCPP 2.0.1 and 2.1."""
    if command.protocol == Protocol.OCPP16:
        return
    if command.action not in BY_ACTION and command.action not in KIND_OF_ACTION:
        return
    await station_rows.request_id_taken(unit.session, command.station_id, command.payload["requestId"])
    if command.action in BY_ACTION:
        await _begin_report(unit, command)
    else:
        await _begin_job(unit, command)


async def _begin_report(unit: Unit, command: Command) -> None:
    await report_rows.begin(
        unit.session,
        command.station_id,
        command.payload["requestId"],
        message=BY_ACTION[command.action].message,
        kind=command.action,
        call_id=command.call_id,
        now=unit.now,
    )


async def _begin_job(unit: Unit, command: Command) -> None:
    await job_rows.begin(
        unit.session,
        command.station_id,
        KIND_OF_ACTION[command.action],
        command.payload["requestId"],
        call_id=command.call_id,
        request=redacted(command.protocol, command.action, command.payload),
        now=unit.now,
    )
