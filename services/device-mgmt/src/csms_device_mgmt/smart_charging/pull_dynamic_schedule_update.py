"""PullDynamicScheduleUpdate (K28, OCPP 2.1): answered with what the station was told last."""

from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.smart_charging import dynamic_schedule_rows
from csms_device_mgmt.smart_charging.dynamic_schedule import is_id
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Answer with the limits and setpoints (K28.FR.07); Rejected: there is no such dynamic profile (K28.FR.12)."""
    await record(unit, message)
    profile_id = message.payload["chargingProfileId"]
    found = None
    if is_id(profile_id):
        found = await dynamic_schedule_rows.find(unit.session, message.station_id, int(profile_id))
    if found is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
    return {"status": "Accepted", "scheduleUpdate": dict(found)}
