"""The domain events that other teams get on events.transactions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from csms.v1.events_pb2 import DomainEvent, TransactionEnded, TransactionStarted, TransactionUpdated
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_TRANSACTIONS
from csms_runtime.clock import to_ms
from csms_runtime.ids import new_id

from csms_transactions.domain.changes import Change, changes
from csms_transactions.domain.events import IdToken
from csms_transactions.domain.transaction import Transaction
from csms_transactions.steps import Step


def events_of(steps: Iterable[Step], now: datetime) -> Iterator[tuple[Change, Outgoing]]:
    """What to tell about the steps of a batch, in order per transaction."""
    for step in steps:
        for change in changes(step.before, step.after):
            event = DomainEvent(event_id=new_id(), occurred_at_ms=to_ms(now), station_id=step.identity.station_id)
            _FILL[change](event, step.identity.transaction_id, step.after)
            yield change, Outgoing(EVENTS_TRANSACTIONS.name, new_record(step.identity.station_id, event=event))


def _started(event: DomainEvent, transaction_id: str, transaction: Transaction) -> None:
    token = transaction.id_token or IdToken("", "")
    event.transaction_started.CopyFrom(
        TransactionStarted(
            transaction_id=transaction_id,
            evse_id=transaction.evse_id or 0,
            connector_id=transaction.connector_id or 0,
            id_token=token.value,
            id_token_type=token.type,
            remote_start_id=transaction.remote_start_id or 0,
            started_at_ms=to_ms(transaction.started_at),
        )
    )


def _updated(event: DomainEvent, transaction_id: str, transaction: Transaction) -> None:
    token = transaction.id_token or IdToken("", "")
    event.transaction_updated.CopyFrom(
        TransactionUpdated(
            transaction_id=transaction_id,
            charging_state=transaction.charging_state or "",
            seq_no=transaction.last_seq_no,
            energy_wh=transaction.meter.energy_wh,
            evse_id=transaction.evse_id or 0,
            connector_id=transaction.connector_id or 0,
            id_token=token.value,
            id_token_type=token.type,
        )
    )


def _ended(event: DomainEvent, transaction_id: str, transaction: Transaction) -> None:
    ended_at = transaction.ended_at or transaction.started_at
    event.transaction_ended.CopyFrom(
        TransactionEnded(
            transaction_id=transaction_id,
            stopped_reason=transaction.stopped_reason or "",
            ended_at_ms=to_ms(ended_at),
            energy_wh=transaction.meter.energy_wh,
        )
    )


_FILL: Mapping[Change, Callable[[DomainEvent, str, Transaction], None]] = {
    Change.STARTED: _started,
    Change.UPDATED: _updated,
    Change.ENDED: _ended,
}
