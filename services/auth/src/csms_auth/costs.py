"""Hears what transactions cost, and takes it from prepaid balances (C17; group "auth-costs")."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import Transaction
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_runtime.clock import from_ms, now_ms, utcnow
from csms_runtime.money import Money, amount_of

from csms_auth.domain.tokens import TokenRef
from csms_auth.store import credit
from csms_auth.store.credit import Cost

KEPT_DAYS = 400
"""How long it is known which transactions were paid. What was told to have ended before is not paid any more."""
_ENDED = "Ended"

_log = structlog.get_logger(__name__)


class CostRecords:
    """The batch handler of events.transactions. Idempotent: a transaction is paid once, by its revision."""

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch. Raises DatabaseUnavailable (a Later)."""
        costs = list(_costs(item.record for item in batch if item.record is not None))
        if costs:
            oldest = from_ms(self._clock()) - timedelta(days=KEPT_DAYS - 1)
            async with self._database.transaction() as session:
                others = await credit.take(session, costs, utcnow(), oldest)
            for cost in others:
                _log.warning("a cost is not in the balance's currency", transaction=cost.transaction, cost=cost.cost)
        return []


def _costs(records: Iterator[Record]) -> Iterator[Cost]:
    for record in records:
        told, ended_at_ms = _transaction(record)
        if told is None or told.state != _ENDED or not told.currency:
            continue
        amount = amount_of(told.cost)
        if amount is not None and amount >= 0:
            token, cost = TokenRef(told.id_token_type, told.id_token), Money(amount, told.currency)
            yield Cost(told.id, told.revision, token.key, told.id_token_type, cost, from_ms(ended_at_ms))


def _transaction(record: Record) -> tuple[Transaction | None, int]:
    """Return a transaction, and when it ended: by our clock where its end is told.

    What is told of it later has only the time of the station, whose clock may never have been set.
    """
    event = record.event
    if event.WhichOneof("event") == "transaction_ended":
        return event.transaction_ended.transaction, event.occurred_at_ms
    if event.WhichOneof("event") == "transaction_updated":
        return event.transaction_updated.transaction, event.transaction_updated.transaction.ended_at_ms
    return None, 0
