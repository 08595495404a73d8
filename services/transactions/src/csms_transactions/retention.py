"""Says how long each kind of stored data is kept."""

from collections.abc import Sequence

from csms_db.retention import Kept

from csms_transactions.settings import TransactionSettings
from csms_transactions.store import given_ids, web_payments
from csms_transactions.store.remote_requests import delete_old
from csms_transactions.store.retention import OldMeterValues, OldTransactions

GIVEN_IDS_DAYS = 366
"""A station may tell again so long after a transaction began that it did (OCPP 1.6)."""


def kept(settings: TransactionSettings) -> Sequence[Kept]:
    """Return what is deleted after some days."""
    transactions, meter_values = OldTransactions(), OldMeterValues()
    return (
        Kept("remote_requests", settings.keep_remote_requests_days, delete_old),
        Kept("web_payments", settings.keep_remote_requests_days, web_payments.delete_old),
        Kept("given_ids", GIVEN_IDS_DAYS, given_ids.delete_old),
        Kept("transactions", settings.keep_transactions_days, transactions.delete, transactions.unfinished),
        Kept("meter_values", settings.keep_meter_values_days, meter_values.delete, meter_values.unfinished),
    )
