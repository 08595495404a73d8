"""NotifySettlement (C20 to C22, OCPP 2.1): recorded, shown as a settlement; the answer says where the receipt is."""

from typing import Any

from csms_runtime.money import Money, amount_of
from csms_runtime.texts import storable

from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.payment import settlement_rows
from csms_device_mgmt.payment.receipts import MAX_URL, receipt_url
from csms_device_mgmt.payment.settlement import Result, SettlementStatus
from csms_device_mgmt.station_message import Answer, StationMessage
from csms_device_mgmt.tables import Settlement
from csms_device_mgmt.unit import Unit

_ADDRESS = ("name", "address1", "address2", "city", "postalCode", "country")
"""The fields of OCPP's AddressType."""


async def handle(unit: Unit, message: StationMessage) -> Answer:
    """Answer with the receipt's address, where the CSMS makes receipts."""
    told = message.payload
    url = receipt_url(unit.settings.receipt_url, told)
    if await record(unit, message):
        transaction_id = _text(told.get("transactionId", ""), "transaction_id")
        key = (message.station_id, _text(told["pspRef"], "psp_ref"), transaction_id)
        await settlement_rows.told(unit.session, key, _result(message, url), _vat(message), message.received_at)
    return {} if url is None else {"receiptUrl": url}


def _result(message: StationMessage, our_url: str | None) -> Result:
    told = message.payload
    amount = amount_of(told["settlementAmount"])
    return Result(
        SettlementStatus(told["status"]),
        min(message.moment(told["settlementTime"]), message.received_at),  # nothing later could replace it
        None if amount is None else Money(amount, ""),  # in whatever currency the station has
        _text_or_none(told, "receiptId", "receipt_id"),
        _own_url(told) or our_url,
        _text_or_none(told, "statusInfo", "status_info"),
    )


def _vat(message: StationMessage) -> dict[str, Any]:
    company = message.payload.get("vatCompany")
    named = None if company is None else {name: storable(company[name]) for name in _ADDRESS if name in company}
    return {"vat_number": _text_or_none(message.payload, "vatNumber", "vat_number"), "vat_company": named}


def _own_url(told: JsonObject) -> str | None:
    url = told.get("receiptUrl")
    return storable(url) if url is not None and len(url) <= MAX_URL else None  # a part of it leads nowhere


def _text_or_none(told: JsonObject, name: str, column: str) -> str | None:
    return _text(told[name], column) if name in told else None


def _text(told: str, column: str) -> str:
    """Return what the column takes of a text: lenient validation lets longer ones through."""
    return storable(told)[: Settlement.__table__.c[column].type.length]  # type: ignore[attr-defined]  # a String
