"""What a gateway says of messages it could not take is kept, for whoever wonders what is wrong with a station."""

from csms.v1.bus_pb2 import Record
from csms_ocpp.effects import NoticeKind
from csms_runtime.clock import from_ms

from csms_device_mgmt.refused_messages import refused_message_rows
from csms_device_mgmt.stations.unknown_stations import known_or_created
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, record: Record) -> None:
    """Keep it, unless the station is unknown and not let in; the same record twice is kept once."""
    station = await known_or_created(unit, record.station_id)
    if station is None:  # it may come before the record of the connection
        return
    body = record.refused_message
    received_at = from_ms(body.received_at_ms)
    if body.kind == NoticeKind.RATE_LIMITED:
        station.rate_limited_at = max(station.rate_limited_at or received_at, received_at)
    unit.kept(record.station_id, 0)
    await refused_message_rows.add(
        unit.session,
        {
            "record_id": record.record_id,
            "station_id": record.station_id,
            "protocol": body.protocol,
            "connection_id": body.connection_id,
            "kind": body.kind,
            "action": body.action,
            "code": body.code,
            "detail": body.detail,
            "received_at": received_at,
        },
    )
