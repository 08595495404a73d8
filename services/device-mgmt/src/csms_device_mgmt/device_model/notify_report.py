"""NotifyReport (B07, B08): one part of a report of the device model."""

from csms.v1.events_pb2 import ReportCompleted
from csms_bus.ports import Outgoing

from csms_device_mgmt import announcements
from csms_device_mgmt.boot import onboarding
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import JsonObject, reported_attributes
from csms_device_mgmt.refused_messages import not_kept
from csms_device_mgmt.reports.report_part import take_part
from csms_device_mgmt.reports.series import DEVICE_MODEL
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.status.availability import is_gone
from csms_device_mgmt.tables import Report
from csms_device_mgmt.unit import Unit

FULL = "FullInventory"
"""The report of all variables of all components."""


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Store the part, take its entries into the device model, and tell when the report is complete."""
    taken = await take_part(unit, message, DEVICE_MODEL)
    await _take_attributes(unit, message, taken.entries)
    await onboarding.part_arrived(unit, taken.report, completed=taken.completed, repeated=taken.repeated)
    if taken.completed:
        await _remove_what_is_gone(unit, taken.report)
        unit.tell(_completed(message, taken.report))
    return {}


async def _remove_what_is_gone(unit: Unit, report: Report) -> None:
    """Remove what a full inventory does not name any more (B07): it names all there is."""
    call = await call_rows.find(unit.session, report.call_id) if report.call_id is not None else None
    if call is None or call.request.get("reportBase") != FULL or report.first_part_at is None:
        return
    await variable_rows.remove_older(unit.session, report.station_id, report.first_part_at)
    places = await variable_rows.places(unit.session, report.station_id)
    await unit.statuses.load(unit.session, [report.station_id])
    unit.statuses.remove(
        report.station_id,
        [
            place
            for place, status in unit.statuses.places(report.station_id).items()
            if is_gone(place, places) and status.received_at < report.first_part_at
        ],
    )


async def _take_attributes(unit: Unit, message: StationMessage, entries: list[JsonObject]) -> None:
    def rows() -> list[variable_rows.Row]:
        return variable_rows.reported_rows(message.station_id, reported_attributes(entries), message.received_at)

    most = unit.settings.station_variables
    left_out = await variable_rows.store_reported(unit.session, message.station_id, await message.work(rows), most)
    await not_kept.note(unit, message, "variables", left_out, "CSMS_STATION_VARIABLES")


def _completed(message: StationMessage, report: Report) -> Outgoing:
    body = ReportCompleted(request_id=report.request_id, entries=report.entry_count)
    event_id = f"{message.record_id}:report"
    return announcements.event(report.station_id, message.received_at, event_id, report_completed=body)
