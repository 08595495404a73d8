"""DataTransfer (P02): recorded, never accepted, for nothing here implements a vendor's messages."""

from csms_device_mgmt.monitoring.known_vendors import is_known, knows_message
from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Answer UnknownVendorId (P02.FR.06); for one of the station's vendors UnknownMessageId (P02.FR.07), or Rejected.

    Rejected: the message has no messageId, so there is none that could be unknown. Or it is one of the extensions of
    OCPP 1.6 that are known here, and not built.
    """
    await record(unit, message)
    vendor_id, message_id = message.payload["vendorId"], message.payload.get("messageId")
    if is_known(vendor_id):
        is_message = message_id is None or knows_message(vendor_id, message_id)
        return {"status": "Rejected" if is_message else "UnknownMessageId"}
    station = await station_rows.find(unit.session, message.station_id)
    if station is None or vendor_id not in station.vendor_ids:
        return {"status": "UnknownVendorId"}
    return {"status": "Rejected" if message_id is None else "UnknownMessageId"}
