"""RequestBatterySwap (S02): a swap that was asked for, once the station took it."""

from csms_device_mgmt.battery_swap import swap_rows
from csms_device_mgmt.battery_swap.swaps import is_id, who
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Begin a swap."""
    if executed.response is None or executed.response["status"] != "Accepted" or not executed.request:
        return
    if not is_id(executed.request["requestId"]):
        return
    at = executed.completion.completed_at
    token = redacted(executed.protocol, executed.action, executed.request)["idToken"]
    row = await swap_rows.lock(unit.session, executed.station_id, int(executed.request["requestId"]), at)
    swap_rows.note(row, {**who(token), "requested_at": at})
