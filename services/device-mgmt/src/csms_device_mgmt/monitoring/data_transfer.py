"""DataTransfer (P02): recorded, never accepted, for nothing here implements a vendor's messages."""

from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Answer UnknownVendorId (P02.FR.06); for one of the station's vendors UnknownMessageId (P02.FR.07), or Rejected.

    Rejected: the message has no messageId, so there is none that could be unknown.
    """
    await record(unit, message)
    station = await station_rows.find(unit.session, message.station_id)
    known = station is not None and message.payload["vendorId"] in station.vendor_ids
    if not known:
        return {"status": "UnknownVendorId"}
    return {"status": "UnknownMessageId" if "messageId" in message.payload else "Rejected"}
