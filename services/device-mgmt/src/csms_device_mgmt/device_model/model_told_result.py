"""GetConfiguration (OCPP 1.6, 5.8): what the station told is kept; without keys it is a report, complete at once."""

from functools import partial

import orjson
from csms.v1.events_pb2 import ReportCompleted
from csms_db.packed import pack
from csms_runtime import heavy, metrics

from csms_device_mgmt import announcements, versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey, reported_attributes
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.assembly import ReportStatus
from csms_device_mgmt.tables import Report
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Store the values, except secrets. A whole device model also removes what it does not name any more."""
    version, at = versions.of(executed.protocol), executed.completion.completed_at
    is_report = version.is_model_report(executed.action, executed.request)
    report = await report_rows.of_call(unit.session, executed.station_id, executed.call_id) if is_report else None
    if executed.response is None:
        if report is not None:
            report.status = ReportStatus.FAILED.value
        return
    entries, rows = await heavy.run(executed.size, partial(_read, executed, executed.response))
    most = unit.settings.station_variables
    left_out = await variable_rows.store_reported(unit.session, executed.station_id, rows, most)
    metrics.DEVICES_NOT_KEPT.labels("variables").inc(left_out)
    if is_report:
        await variable_rows.remove_older(unit.session, executed.station_id, at)
    if report is not None:
        await _complete(unit, executed, report, entries)


def _read(executed: Executed, response: JsonObject) -> tuple[list[JsonObject], list[variable_rows.Row]]:
    shown = redacted(executed.protocol, executed.action, response)
    entries = _without_secrets(versions.of(executed.protocol).model_entries(shown))
    attributes = reported_attributes(entries)
    return entries, variable_rows.reported_rows(executed.station_id, attributes, executed.completion.completed_at)


def _without_secrets(entries: list[JsonObject]) -> list[JsonObject]:
    """Stations must not tell the values of secret keys, and some do."""
    return [
        {**entry, "variableAttribute": [{**attribute, "value": None} for attribute in entry["variableAttribute"]]}
        if VariableKey.of(entry["component"], entry["variable"]).is_secret
        else entry
        for entry in entries
    ]


async def _complete(unit: Unit, executed: Executed, report: Report, entries: list[JsonObject]) -> None:
    at, text = executed.completion.completed_at, await heavy.run(executed.size, lambda: orjson.dumps(entries))
    packed = await heavy.run(executed.size, lambda: pack(text))
    part = {
        "station_id": report.station_id,
        "message": report.message,
        "request_id": report.request_id,
        "seq_no": 0,
        "tbc": False,
        "entries": packed,
        "entry_count": len(entries),
        "size": len(text),
        "digest": None,
        "received_at": at,
    }
    await report_rows.add_part(unit.session, part)
    unit.kept(report.station_id, len(packed))
    await report_rows.note_part(unit.session, report, 0, tbc=False)
    report.entry_count, report.status = len(entries), ReportStatus.COMPLETE.value
    report.first_part_at = report.generated_at = report.completed_at = at
    body = ReportCompleted(request_id=report.request_id, entries=len(entries))
    unit.tell(announcements.event(report.station_id, at, f"{executed.call_id}:report", report_completed=body))
