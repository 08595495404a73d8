"""GetBaseReport and GetReport (B07, B08): whether a report follows."""

from csms_device_mgmt.consequences.executed import Executed
from csms_device_mgmt.domain.reports import ReportStatus, after_response
from csms_device_mgmt.store import reports
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Move the report on; NotSupported, EmptyResultSet, Rejected and no answer at all close it."""
    row = await reports.find(unit.session, executed.station_id, executed.request["requestId"], lock=True)
    if row is None or row.call_id != executed.call_id:
        return  # asked for by another service, or a later call uses the same requestId
    response = executed.response
    status = after_response(ReportStatus(row.status), response["status"] if response else None)
    row.status = status.value
