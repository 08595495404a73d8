"""Messages that are kept as they came and answered alike: no station meets NotImplemented for one of them."""

from collections.abc import Callable
from typing import Any

from csms.v1.events_pb2 import StationNotified
from csms_runtime import metrics

from csms_device_mgmt import announcements
from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.redacted import Shown
from csms_device_mgmt.station_message import Answer, Handler, StationMessage
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit


async def record(unit: Unit, message: StationMessage) -> bool:
    """Keep a message and publish it as an event, without secrets. Returns False when this record was kept before."""
    shown = await message.shown()
    station = await station_rows.find(unit.session, message.station_id)
    added = await notification_rows.add(
        unit.session,
        {
            "record_id": message.record_id,
            "station_id": message.station_id,
            "site_id": station.site_id if station else None,
            "action": message.action,
            "protocol": message.protocol,
            "payload": shown.packed,
            "size": len(shown.text),
            "received_at": message.received_at,
        },
    )
    if added:
        metrics.DEVICES_NOTIFICATIONS.labels(message.action).inc()
        unit.kept(message.station_id, len(shown.packed))
        publish(unit, message, shown)
    return added


def publish(unit: Unit, message: StationMessage, shown: Shown) -> None:
    """Publish a message as an event."""
    body = StationNotified(action=message.action, **_told(message, shown, unit.settings.max_message_bytes))
    event_id = f"{message.record_id}:notified"
    unit.tell(announcements.event(message.station_id, message.received_at, event_id, station_notified=body))


def _told(message: StationMessage, shown: Shown, max_bytes: int) -> dict[str, Any]:
    """Return what the event says of the payload: the station's own bytes, if there are no secrets in them.

    Written anew it may be several times as large (9e15 becomes 9000000000000000.0), and more than an event may hold.
    """
    if shown.payload is message.payload:
        return {"payload": message.raw}
    return {"payload": shown.text} if len(shown.text) <= max_bytes else {"payload_omitted": True}


def recorded(answer: Answer) -> Handler:
    """Return the handler of a message that is only recorded, with its answer."""
    return recorded_with(lambda _payload: dict(answer))


def recorded_with(write: Callable[[JsonObject], Answer]) -> Handler:
    """Return the handler of a message that is only recorded; `write` makes the answer from its payload."""

    async def handle(unit: Unit, message: StationMessage) -> Answer:
        await record(unit, message)
        return write(message.payload)

    return handle
