"""Where the driver who paid finds the receipt (C21.FR.03)."""

from urllib.parse import quote

from csms_device_mgmt.device_model.variable_key import JsonObject

PSP_REF, TRANSACTION_ID = "{psp_ref}", "{transaction_id}"
SETTLED = "Settled"
MAX_URL = 2000
"""Characters of a receiptUrl (NotifySettlementResponse)."""


def receipt_url(template: str, settlement: JsonObject) -> str | None:
    """Return the address of the receipt of a NotifySettlementRequest; None: there is none of ours.

    `template` names what is put in: PSP_REF, TRANSACTION_ID; empty: the CSMS makes no receipts. There is none of
    what was not settled, nor where the station tells the address of its own.
    """
    if not template or settlement["status"] != SETTLED or "receiptUrl" in settlement:
        return None
    url = template.replace(PSP_REF, quote(settlement["pspRef"], safe=""))
    url = url.replace(TRANSACTION_ID, quote(settlement.get("transactionId", ""), safe=""))
    return url if len(url) <= MAX_URL else None
