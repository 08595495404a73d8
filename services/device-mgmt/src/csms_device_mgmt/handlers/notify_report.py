"""NotifyReport (B07, B08): one part of a report. Parts may be repeated, come in any order, or come unasked."""

from csms.v1.events_pb2 import ReportCompleted
from csms_bus.ports import Outgoing

from csms_device_mgmt import messages
from csms_device_mgmt.domain.device_model import JsonObject, reported_attributes
from csms_device_mgmt.domain.reports import ReportStatus, after_part, assemble
from csms_device_mgmt.handlers.message import Answer, StationMessage
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.store import reports, variables
from csms_device_mgmt.store.tables import Report
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Store the part, take its entries into the device model, and see whether the report is complete."""
    payload, station_id = redacted(message.protocol, message.action, message.payload), message.station_id
    report = await reports.find(unit.session, station_id, payload["requestId"], lock=True)
    if report is None:
        report = await reports.begin(
            unit.session, station_id, payload["requestId"], kind=None, call_id=None, now=unit.now
        )
    await _store_part(unit, message, payload)
    attributes = reported_attributes(payload.get("reportData", []))
    await variables.store_reported(unit.session, station_id, attributes, message.received_at)
    await _progress(unit, message, report)
    return {}


async def _store_part(unit: Unit, message: StationMessage, payload: JsonObject) -> None:
    part = {
        "station_id": message.station_id,
        "request_id": payload["requestId"],
        "seq_no": payload["seqNo"],
        "tbc": payload.get("tbc", False),
        "entries": payload.get("reportData", []),
        "received_at": message.received_at,
    }
    await reports.add_part(unit.session, part)


async def _progress(unit: Unit, message: StationMessage, report: Report) -> None:
    numbers = await reports.part_numbers(unit.session, report.station_id, report.request_id)
    was_complete = report.status == ReportStatus.COMPLETE
    status = after_part(assemble(numbers))
    report.status = status.value
    report.generated_at = message.moment(message.payload["generatedAt"])
    if status is ReportStatus.COMPLETE and not was_complete:
        report.completed_at = message.received_at
        unit.tell(await _completed(unit, message, report))


async def _completed(unit: Unit, message: StationMessage, report: Report) -> Outgoing:
    entries = await reports.entries(unit.session, report.station_id, report.request_id)
    body = ReportCompleted(request_id=report.request_id, entries=len(entries))
    event_id = f"{message.record_id}:report"
    return messages.event(report.station_id, message.received_at, event_id, report_completed=body)
