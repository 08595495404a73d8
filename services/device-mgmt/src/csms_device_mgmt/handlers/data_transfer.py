"""DataTransfer (P02): recorded, never accepted, for nothing here implements a vendor's messages."""

from csms_device_mgmt.handlers.message import Answer, StationMessage
from csms_device_mgmt.handlers.recorded import record
from csms_device_mgmt.store import stations
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Answer UnknownVendorId (P02.FR.06), or UnknownMessageId for one of the station's vendors (P02.FR.07)."""
    await record(unit, message)
    station = await stations.find(unit.session, message.station_id)
    known = station is not None and message.payload["vendorId"] in station.vendor_ids
    return {"status": "UnknownMessageId" if known else "UnknownVendorId"}
