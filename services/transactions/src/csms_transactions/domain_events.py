"""Makes the domain events that other teams get on events.transactions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import orjson
from csms.v1.events_pb2 import (
    AuthorizationDecided,
    DomainEvent,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from csms.v1.events_pb2 import Transaction as WholeTransaction
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_TRANSACTIONS
from csms_runtime.clock import to_ms
from csms_runtime.ids import new_id
from csms_runtime.money import written

from csms_transactions.domain.changes import Change, changes
from csms_transactions.domain.cost import cost_of
from csms_transactions.domain.events import IdToken, TransactionEvent
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.quality import notes_of
from csms_transactions.domain.transaction import CHARGING, State, Transaction
from csms_transactions.events.step import Step
from csms_transactions.tokens.question import Decided


def events_of(steps: Iterable[Step], now: datetime) -> Iterator[tuple[Change, Outgoing]]:
    """Yield what other teams are told about these steps, in order per transaction."""
    for step in steps:
        for change in changes(step.before, step.after):
            event = DomainEvent(event_id=new_id(), occurred_at_ms=to_ms(now), station_id=step.identity.station_id)
            _FILL[change](event, step.after, whole(step.identity, step.after))
            yield change, Outgoing(EVENTS_TRANSACTIONS.name, new_record(step.identity.station_id, event=event))


def authorization_decided(decided: Decided, now: datetime) -> Outgoing:
    """Return the event of a decision about a token in a transaction's event."""
    identity, row, info, evse_id = decided
    told = AuthorizationDecided(
        id_token=row.id_token,
        id_token_type=row.id_token_type or info.id_token_type,
        evse_id=evse_id,
        status=info.status,
        reason=info.reason,
        group_id_token=info.group_id_token.id_token,
        group_id_token_type=info.group_id_token.type,
        asked_at_ms=to_ms(row.at),
    )
    return _of_token(identity, told, now, stops=row.stops)


def not_decided(identity: Identity, event: TransactionEvent, now: datetime) -> Outgoing:
    """Return the event of a token that nobody decided on in time: the station is told to ask again."""
    token = (event.id_token or _NO_TOKEN).masked()
    told = AuthorizationDecided(
        id_token=token.value,
        id_token_type=token.type,
        evse_id=event.evse_id or 0,
        status="Undecided",
        reason="auth_away",
        asked_at_ms=to_ms(event.at),
    )
    return _of_token(identity, told, now, stops=event.stops)


def _of_token(identity: Identity, told: AuthorizationDecided, now: datetime, *, stops: bool) -> Outgoing:
    told.purpose = "stop" if stops else "transaction"
    told.transaction_id, told.transaction = identity.transaction_id, identity.key
    event = DomainEvent(
        event_id=new_id(), occurred_at_ms=to_ms(now), station_id=identity.station_id, authorization_decided=told
    )
    return Outgoing(EVENTS_TRANSACTIONS.name, new_record(identity.station_id, event=event))


def whole(identity: Identity, transaction: Transaction) -> WholeTransaction:
    """Return all that is known of a transaction. A new field of transactions must be added here, too."""
    token, stop_token = transaction.id_token or _NO_TOKEN, transaction.stop_id_token or _NO_TOKEN
    closed, group = transaction.closed, transaction.group or _NO_TOKEN
    cost = cost_of(transaction)
    return WholeTransaction(
        id=identity.key,
        station_id=identity.station_id,
        transaction_id=identity.transaction_id,
        state=transaction.state.value,
        revision=transaction.revision,
        evse_id=transaction.evse_id or 0,
        connector_id=transaction.connector_id or 0,
        id_token=token.value,
        id_token_type=token.type,
        group_id_token=group.value,
        group_id_token_type=group.type,
        cost=written(cost.amount) if cost else "",
        currency=cost.currency if cost else "",
        stop_id_token=stop_token.value,
        stop_id_token_type=stop_token.type,
        remote_start_id=transaction.remote_start_id or 0,
        reservation_id=transaction.reservation_id or 0,
        started_at_ms=to_ms(transaction.started_at),
        started_missing=not transaction.started_seen,
        ended_at_ms=to_ms(transaction.ended_at) if transaction.ended_at else 0,
        stopped_reason=transaction.stopped_reason or "",
        close_reason=closed.reason if closed else "",
        closed_by=closed.by if closed else "",
        closed_at_ms=to_ms(closed.at) if closed else 0,
        meter_start_wh=transaction.energy.start_wh,
        meter_stop_wh=transaction.energy.stop_wh,
        energy_wh=transaction.energy.wh,
        energy_quality=transaction.energy.quality or "",
        energy_notes=notes_of(transaction.energy.reasons),
        time_spent_charging_s=transaction.time_charged,
        time_spent_charging_derived=transaction.time_spent_charging is None and transaction.charged_s is not None,
        charging_state=_charging_state(transaction),
        number_of_phases_used=transaction.number_of_phases_used or 0,
        event_count=transaction.event_count,
        conflicts=transaction.conflicts,
        gaps=[WholeTransaction.Gap(first_seq_no=first, last_seq_no=last) for first, last in transaction.gaps],
        offline_events=transaction.offline_events,
        last_seq_no=transaction.last_seq_no,
        details=orjson.dumps(transaction.details) if transaction.details else b"",
    )


_NO_TOKEN = IdToken("", "")


def _charging_state(transaction: Transaction) -> str:
    """Return the state that was told last; empty where an ended transaction would be "Charging"."""
    told = transaction.charging_state or ""
    return "" if told == CHARGING and transaction.state is State.ENDED else told


def _started(event: DomainEvent, transaction: Transaction, all_of_it: WholeTransaction) -> None:
    event.transaction_started.CopyFrom(
        TransactionStarted(
            transaction_id=all_of_it.transaction_id,
            evse_id=all_of_it.evse_id,
            connector_id=all_of_it.connector_id,
            id_token=all_of_it.id_token,
            id_token_type=all_of_it.id_token_type,
            remote_start_id=all_of_it.remote_start_id,
            started_at_ms=to_ms(transaction.started_at),
            transaction=all_of_it,
        )
    )


def _updated(event: DomainEvent, transaction: Transaction, all_of_it: WholeTransaction) -> None:
    event.transaction_updated.CopyFrom(
        TransactionUpdated(
            transaction_id=all_of_it.transaction_id,
            charging_state=all_of_it.charging_state,
            seq_no=transaction.last_seq_no,
            energy_wh=transaction.energy.wh,
            energy_quality=transaction.energy.quality or "",
            energy_notes=notes_of(transaction.energy.reasons),
            evse_id=all_of_it.evse_id,
            connector_id=all_of_it.connector_id,
            id_token=all_of_it.id_token,
            id_token_type=all_of_it.id_token_type,
            transaction=all_of_it,
        )
    )


def _ended(event: DomainEvent, transaction: Transaction, all_of_it: WholeTransaction) -> None:
    event.transaction_ended.CopyFrom(
        TransactionEnded(
            transaction_id=all_of_it.transaction_id,
            stopped_reason=all_of_it.stopped_reason,
            ended_at_ms=to_ms(transaction.ended_at or transaction.started_at),
            energy_wh=transaction.energy.wh,
            energy_quality=transaction.energy.quality or "",
            energy_notes=notes_of(transaction.energy.reasons),
            transaction=all_of_it,
        )
    )


_FILL: Mapping[Change, Callable[[DomainEvent, Transaction, WholeTransaction], None]] = {
    Change.STARTED: _started,
    Change.UPDATED: _updated,
    Change.ENDED: _ended,
}
