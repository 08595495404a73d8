"""Orders of services that hold no connections to close a station's: auth revoked its certificate."""

from csms.v1.bus_pb2 import Record

from csms_device_mgmt import announcements
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, record: Record) -> None:
    """Have the gateway close the connection that the station has; without one there is nothing to do.

    Whether the station may come back is auth's to say. Twice is once, unless the station is back meanwhile.
    """
    station = await station_rows.find(unit.session, record.station_id)
    if station is None or not station.connection_open or station.connection_id is None:
        return
    close = announcements.close_connection(
        station.station_id,
        slot=station.connection_slot or 0,
        epoch=station.connection_epoch or 0,
        connection_id=station.connection_id,
        number=station.connection_number or 0,
        reason=record.close_connection.reason,
    )
    unit.tell(close)
