"""Taking a part of a report. Parts may be repeated, come in any order, or come unasked."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from csms_device_mgmt.domain.reports import ReportStatus, after_part, assemble
from csms_device_mgmt.domain.series import CHARGING_PROFILES, CUSTOMER_INFORMATION, DISPLAY_MESSAGES, MONITORS, Series
from csms_device_mgmt.handlers.message import Answer, Handler, StationMessage
from csms_device_mgmt.handlers.recorded import record
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.store import reports
from csms_device_mgmt.store.tables import Report
from csms_device_mgmt.unit import Unit


class Taken(NamedTuple):
    """A part that was stored."""

    report: Report
    entries: list[Any]
    """Of this part, without secrets."""
    completed: bool
    """Whether the report became complete with it."""


async def take_part(unit: Unit, message: StationMessage, series: Series) -> Taken:
    """Store a part and see whether its report is complete. The same part again changes nothing."""
    payload = redacted(message.protocol, message.action, message.payload)
    report = await _report(unit, message, series)
    entries = series.entries(payload)
    part = {
        "station_id": message.station_id,
        "message": series.message,
        "request_id": report.request_id,
        "seq_no": await _seq_no(unit, report, payload, entries),
        "tbc": payload.get("tbc", False),
        "entries": entries,
        "received_at": message.received_at,
    }
    await reports.add_part(unit.session, part)
    return Taken(report, entries, await _progress(unit, message, report))


async def _report(unit: Unit, message: StationMessage, series: Series) -> Report:
    key = (message.station_id, message.payload["requestId"])
    found = await reports.find(unit.session, *key, message=series.message, lock=True)
    if found is not None:
        return found
    return await reports.begin(unit.session, *key, message=series.message, kind=None, call_id=None, now=unit.now)


async def _seq_no(unit: Unit, report: Report, payload: Mapping[str, Any], entries: list[Any]) -> int:
    """Return the part's number; where the message has none, parts count as they come, and an equal one is a repeat."""
    if "seqNo" in payload:
        seq_no: int = payload["seqNo"]
        return seq_no
    known = await reports.parts(unit.session, report)
    return next((part.seq_no for part in known if part.entries == entries), len(known))


async def _progress(unit: Unit, message: StationMessage, report: Report) -> bool:
    numbers = await reports.part_numbers(unit.session, report)
    was_complete = report.status == ReportStatus.COMPLETE
    status = after_part(assemble(numbers))
    report.status = status.value
    if "generatedAt" in message.payload:
        report.generated_at = message.moment(message.payload["generatedAt"])
    completed = status is ReportStatus.COMPLETE and not was_complete
    if completed:
        report.completed_at = message.received_at
    return completed


def assembled(series: Series) -> Handler:
    """Return the handler of a message that is recorded and assembled, and otherwise only answered."""

    async def handle(unit: Unit, message: StationMessage) -> Answer:
        await record(unit, message)
        await take_part(unit, message, series)
        return {}

    return handle


ASSEMBLED: Mapping[str, Handler] = {
    series.message: assembled(series)
    for series in (MONITORS, CUSTOMER_INFORMATION, DISPLAY_MESSAGES, CHARGING_PROFILES)
}
"""Handlers by action."""
