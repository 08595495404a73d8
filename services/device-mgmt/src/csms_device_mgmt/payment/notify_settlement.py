"""NotifySettlement (C20 to C22, OCPP 2.1): recorded; the answer says where the receipt is."""

from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.payment.receipts import receipt_url
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Answer with the receipt's address, where the CSMS makes receipts."""
    await record(unit, message)
    url = receipt_url(unit.settings.receipt_url, message.payload)
    return {} if url is None else {"receiptUrl": url}
