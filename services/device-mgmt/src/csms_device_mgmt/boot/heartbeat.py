"""Heartbeat (G02). Gateways answer it themselves; this is for one that is routed here."""

from csms_ocpp.times import format_datetime

from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Remember that the station is alive and tell the time (G02.FR.03)."""
    station = await station_rows.find(unit.session, message.station_id)
    if station is not None:
        station.last_seen = max(station.last_seen or message.received_at, message.received_at)
    return {"currentTime": format_datetime(unit.now)}
