"""StatusNotification (G01): the status of one connector. EVSEs and connectors need no earlier mention."""

from collections.abc import Callable

from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.station_message import Answer, Handler, StationMessage
from csms_device_mgmt.status.availability import ReportedStatus
from csms_device_mgmt.status.connector_status import store_statuses
from csms_device_mgmt.unit import Unit


def handler(read: Callable[[JsonObject], ReportedStatus]) -> Handler:
    """Return what stores the status; `read` reads it in the station's version."""

    async def handle(unit: Unit, message: StationMessage) -> Answer:
        await store_statuses(unit, message, [(f"{message.record_id}:status", read(message.payload))])
        return {}

    return handle
