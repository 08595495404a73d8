"""What a station tells beyond its limits is passed over, and shown beside its refused messages."""

from csms_runtime import metrics

from csms_device_mgmt.refused_messages import refused_message_rows
from csms_device_mgmt.station_message import StationMessage
from csms_device_mgmt.unit import Unit

KIND = "not_kept"


async def note(unit: Unit, message: StationMessage, what: str, count: int, setting: str) -> None:
    """Note that `count` of something were passed over for a setting; the same record twice is noted once."""
    if not count:
        return
    metrics.DEVICES_NOT_KEPT.labels(what).inc(count)
    await refused_message_rows.add(
        unit.session,
        {
            "record_id": f"{message.record_id}:{what}",
            "station_id": message.station_id,
            "protocol": message.protocol,
            "connection_id": message.place[2],
            "kind": KIND,
            "action": message.action,
            "code": "",
            "detail": f"{count} {what} were not kept: the station has as many as {setting} allows",
            "received_at": message.received_at,
        },
    )
    unit.kept(message.station_id, 0)
