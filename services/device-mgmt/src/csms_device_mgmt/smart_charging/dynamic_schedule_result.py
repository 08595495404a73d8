"""What sets a dynamic profile, updates or clears one (K28): what the station took is what it is told when it asks."""

from csms_device_mgmt import versions
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.smart_charging import dynamic_schedule_rows
from csms_device_mgmt.smart_charging.dynamic_schedule import is_id
from csms_device_mgmt.unit import Unit


async def apply(unit: Unit, executed: Executed) -> None:
    """Keep it, or forget it."""
    read = versions.of(executed.protocol).schedule_changes.get(executed.action)
    if read is None or executed.response is None or executed.response["status"] != "Accepted":
        return
    if not executed.request:
        return  # the gateway leaves a request out that is too large for the bus
    change = read(executed.request)
    if change is None or not is_id(change.profile_id):
        return
    if change.update is None:
        await dynamic_schedule_rows.forget(unit.session, executed.station_id, change.profile_id)
        return
    at = executed.completion.completed_at
    await dynamic_schedule_rows.store(unit.session, executed.station_id, change.profile_id, change.update, at)
