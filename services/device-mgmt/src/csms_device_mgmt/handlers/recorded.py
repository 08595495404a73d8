"""Messages that are kept as they came and answered alike: no station meets NotImplemented for one of them."""

from collections.abc import Mapping

from csms.v1.events_pb2 import StationNotified
from csms_runtime import metrics

from csms_device_mgmt import messages
from csms_device_mgmt.handlers.message import Answer, Handler, StationMessage
from csms_device_mgmt.store import notifications
from csms_device_mgmt.unit import Unit

NO_SMART_CHARGING = {"status": "Rejected"}
"""There is no schedule to offer (K15.FR.04)."""

ANSWERS: Mapping[str, Answer] = {
    "ClearedChargingLimit": {},
    "NotifyChargingLimit": {},
    "NotifyEVChargingNeeds": NO_SMART_CHARGING,
    "NotifyEVChargingSchedule": {"status": "Accepted"},
    "ReservationStatusUpdate": {},
    "SecurityEventNotification": {},
}
"""The answer to each action whose message is only recorded."""


async def record(unit: Unit, message: StationMessage) -> None:
    """Keep a message and publish it as an event, without secrets; the same record twice is kept once."""
    shown = await message.shown()
    added = await notifications.add(
        unit.session,
        {
            "record_id": message.record_id,
            "station_id": message.station_id,
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
        body = StationNotified(action=message.action, payload=shown.text)
        event_id = f"{message.record_id}:notified"
        unit.tell(messages.event(message.station_id, message.received_at, event_id, station_notified=body))


def recorded(action: str) -> Handler:
    """Return the handler of an action of `ANSWERS`."""
    answer = ANSWERS[action]

    async def handle(unit: Unit, message: StationMessage) -> Answer:
        await record(unit, message)
        return dict(answer)

    return handle
