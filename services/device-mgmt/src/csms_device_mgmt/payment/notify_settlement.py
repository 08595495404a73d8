"""NotifySettlement (C20 to C22, OCPP 2.1): recorded, shown as a settlement; the answer says where the receipt is."""

from typing import Any

from csms_runtime.money import Money, amount_of
from csms_runtime.texts import storable

from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.payment import settlement_rows
from csms_device_mgmt.payment.receipts import receipt_url
from csms_device_mgmt.payment.settlement import Result, SettlementStatus
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.unit import Unit


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Answer with the receipt's address, where the CSMS makes receipts."""
    told = message.payload
    url = receipt_url(unit.settings.receipt_url, told)
    if await record(unit, message):
        key = (message.station_id, storable(told["pspRef"]), storable(told.get("transactionId", "")))
        await settlement_rows.told(unit.session, key, _result(message, url), _vat(message))
    return {} if url is None else {"receiptUrl": url}


def _result(message: StationMessage, our_url: str | None) -> Result:
    told = message.payload
    amount = amount_of(told["settlementAmount"])
    return Result(
        SettlementStatus(told["status"]),
        min(message.moment(told["settlementTime"]), message.received_at),  # nothing later could replace it
        None if amount is None else Money(amount, ""),  # in whatever currency the station has
        _text(told.get("receiptId")),
        _text(told.get("receiptUrl")) or our_url,
        _text(told.get("statusInfo")),
    )


def _vat(message: StationMessage) -> dict[str, Any]:
    company = message.payload.get("vatCompany")
    named = None if company is None else {name: _text(text) for name, text in company.items() if name != "customData"}
    return {"vat_number": _text(message.payload.get("vatNumber")), "vat_company": named}


def _text(told: str | None) -> str | None:
    return None if told is None else storable(told)
