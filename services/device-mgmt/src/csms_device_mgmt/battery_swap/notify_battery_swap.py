"""BatterySwap (S01, S02): batteries were put in, or taken out, or nobody took one."""

from csms_device_mgmt.battery_swap import swap_rows
from csms_device_mgmt.battery_swap.swaps import is_id, told
from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Keep it with the other messages of the swap."""
    if await record(unit, message) and is_id(message.payload["requestId"]):
        at, request_id = message.received_at, int(message.payload["requestId"])
        row = await swap_rows.lock(unit.session, message.station_id, request_id, at)
        swap_rows.note(row, told(await message.redacted(), at))
    return {}
