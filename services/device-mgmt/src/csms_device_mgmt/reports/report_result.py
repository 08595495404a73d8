"""What asks for a report of any kind (B07, B08, K09, N02, N09, O03): whether one follows."""

from csms_device_mgmt import versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.assembly import ReportStatus, after_response
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Move the report on; a refusal, an empty result and no answer at all close it."""
    request_id = executed.request.get("requestId")
    if request_id is None:
        return  # the gateway leaves a request out that is too large for the bus
    message = versions.of(executed.protocol).reports[executed.action].message
    row = await report_rows.find(unit.session, executed.station_id, request_id, message=message, lock=True)
    if row is None or row.call_id != executed.call_id:
        return  # asked for by another service, or a later call uses the same requestId
    response = executed.response
    status = after_response(ReportStatus(row.status), response.get("status") if response else None)
    row.status = status.value
