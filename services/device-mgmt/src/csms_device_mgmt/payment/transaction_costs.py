"""Hears of transactions that have ended, and opens settlements of those that were paid for directly (C21.FR.05)."""

from collections.abc import Iterator, Sequence

from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import Transaction
from csms_bus.ports import Incoming, Outgoing
from csms_runtime.money import Money, amount_of
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.payment import settlement_rows
from csms_device_mgmt.payment.settlement import DIRECT_PAYMENT, Due, settled_by_csms
from csms_device_mgmt.unit import Units

SETTLEMENT_BY_CSMS = VariableKey("PaymentCtrlr", "SettlementByCSMS")
_ENDED = "Ended"


class TransactionCosts:
    """Handles events.transactions, a batch in one transaction."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        due = list(_due(item.record for item in batch if item.record is not None))
        if due:
            async with self._units.open() as unit:
                ours = [one for one in due if settled_by_csms(one, await _setting(unit.session, one.station_id))]
                await settlement_rows.open_all(unit.session, ours, unit.now)
        return []


async def _setting(session: AsyncSession, station_id: str) -> str | None:
    found = await variable_rows.values(session, station_id, [SETTLEMENT_BY_CSMS])
    return found.get(SETTLEMENT_BY_CSMS.path)


def _due(records: Iterator[Record]) -> Iterator[Due]:
    for record in records:
        told = _transaction(record)
        if told is None or told.state != _ENDED or told.id_token_type != DIRECT_PAYMENT or not told.id_token:
            continue
        amount = amount_of(told.cost) if told.currency else None
        yield Due(
            told.station_id,
            told.id_token,
            told.transaction_id,
            told.id,
            told.revision,
            bool(told.remote_start_id),
            None if amount is None else Money(amount, told.currency),
        )


def _transaction(record: Record) -> Transaction | None:
    kind = record.event.WhichOneof("event")
    if kind == "transaction_ended":
        return record.event.transaction_ended.transaction
    return record.event.transaction_updated.transaction if kind == "transaction_updated" else None
