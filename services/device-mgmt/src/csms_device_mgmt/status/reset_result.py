"""Reset (B11, B12): a reset that the station agreed to is shown until it has booted."""

from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Remember a reset of the whole station that was Accepted or Scheduled; after one of an EVSE no boot follows."""
    status = executed.response["status"] if executed.response else None
    if status not in {"Accepted", "Scheduled"} or "evseId" in executed.request:
        return
    station = (await station_rows.lock(unit.session, [executed.station_id])).get(executed.station_id)
    answered_at = executed.completion.completed_at
    if station is None or (station.booted_at is not None and station.booted_at > answered_at):
        return  # it has booted already
    station.pending_reset = {
        "call_id": executed.call_id,
        "type": executed.request["type"],
        "status": status,
        "answered_at": answered_at.isoformat(),
    }
