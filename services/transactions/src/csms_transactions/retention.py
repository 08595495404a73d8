"""Says how long each kind of stored data is kept."""

from collections.abc import Sequence

from csms_db.retention import Kept

from csms_transactions.settings import TransactionSettings
from csms_transactions.store.remote_requests import delete_old
from csms_transactions.store.retention import OldMeterValues, delete_transactions


def kept(settings: TransactionSettings) -> Sequence[Kept]:
    """Return what is deleted after some days."""
    return (
        Kept("remote_requests", settings.keep_remote_requests_days, delete_old),
        Kept("transactions", settings.keep_transactions_days, delete_transactions),
        Kept("meter_values", settings.keep_meter_values_days, OldMeterValues().delete),
    )
