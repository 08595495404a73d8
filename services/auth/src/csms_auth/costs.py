"""Hears what transactions cost, and takes it from prepaid balances (C17; group "auth-costs")."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import Transaction
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_runtime.clock import now_ms, utcnow
from csms_runtime.money import Money, amount_of

from csms_auth.domain.tokens import TokenRef
from csms_auth.store import credit
from csms_auth.store.credit import Cost

KEPT_DAYS = 400
"""How long it is known which transactions were paid. One that ended before is not paid any more, whoever tells it."""
_ENDED = "Ended"

_log = structlog.get_logger(__name__)


class CostRecords:
    """The batch handler of events.transactions. Idempotent: a transaction is paid once, by its revision."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch. Raises DatabaseUnavailable (a Later)."""
        oldest = self._clock() - int(timedelta(days=KEPT_DAYS - 1).total_seconds() * 1000)
        costs = list(_costs((item.record for item in batch if item.record is not None), oldest))
        if costs:
            async with self._database.transaction() as session:
                others = await credit.take(session, costs, utcnow())
            for cost in others:
                _log.warning("a cost is not in the balance's currency", transaction=cost.transaction, cost=cost.cost)
        return []


def _costs(records: Iterator[Record], oldest_ms: int) -> Iterator[Cost]:
    for record in records:
        told = _transaction(record)
        if told is None or told.state != _ENDED or not told.currency or told.ended_at_ms < oldest_ms:
            continue
        amount = amount_of(told.cost)
        if amount is not None and amount >= 0:
            key = TokenRef(told.id_token_type, told.id_token).key
            yield Cost(told.id, told.revision, key, told.id_token_type, Money(amount, told.currency))


def _transaction(record: Record) -> Transaction | None:
    kind = record.event.WhichOneof("event")
    if kind == "transaction_ended":
        return record.event.transaction_ended.transaction
    return record.event.transaction_updated.transaction if kind == "transaction_updated" else None
