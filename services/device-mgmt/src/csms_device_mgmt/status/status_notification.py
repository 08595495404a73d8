"""StatusNotification (G01): the status of one connector. EVSEs and connectors need no earlier mention."""

from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.status.availability import ReportedStatus
from csms_device_mgmt.status.connector_status import store_statuses
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Store the status."""
    payload = message.payload
    reported = ReportedStatus(
        payload["evseId"], payload["connectorId"], payload["connectorStatus"], payload["timestamp"]
    )
    await store_statuses(unit, message, [(f"{message.record_id}:status", reported)])
    return {}
