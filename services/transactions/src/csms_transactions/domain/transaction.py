"""A transaction as the fold of its events in seqNo order.

Stations repeat, delay and reorder events (E13), so nothing here depends on the order of arrival: `derive` sorts. An
event newer than all known ones can be applied to the stored state by `advance`, which gives the same result without
reading the others again.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from csms_transactions.domain.events import EventType, IdToken, TransactionEvent
from csms_transactions.domain.meter import Meter

DEFAULT_STOPPED_REASON = "Local"
"""What an Ended event without stoppedReason means."""


class State(StrEnum):
    """Whether a transaction goes on."""

    ACTIVE = "Active"
    ENDED = "Ended"


NO_METER = Meter()
Changes = dict[str, Any]
"""New values of a transaction's fields."""
Gap = tuple[int, int]
"""First and last of a run of missing seqNos."""
MAX_GAPS = 200
"""They are written with each event: a station that leaves out every second number must not make that ever more."""


class Transaction(NamedTuple):
    """What the events received so far say; None: they do not say it.

    A named tuple, since one is made for every event: a frozen dataclass of so many fields takes three times as long.
    """

    last_seq_no: int
    started_at: datetime
    """Time of the Started event; while that is missing, of the event with the lowest seqNo."""
    event_count: int = 0
    gaps: tuple[Gap, ...] = ()
    """Missing seqNos, ascending, the first MAX_GAPS runs. Nothing is missing before a Started event."""
    started_seen: bool = False
    state: State = State.ACTIVE
    ended_at: datetime | None = None
    stopped_reason: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: IdToken | None = None
    stop_id_token: IdToken | None = None
    charging_state: str | None = None
    time_spent_charging: int | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    number_of_phases_used: int | None = None
    offline_events: int = 0
    meter: Meter = NO_METER


def derive(events: Iterable[TransactionEvent]) -> Transaction:
    """The transaction made of these events, in any order; of several with one seqNo the first given counts.

    Raises ValueError when there is no event.
    """
    by_seq_no: dict[int, TransactionEvent] = {}
    for event in events:
        by_seq_no.setdefault(event.seq_no, event)
    transaction = None
    for seq_no in sorted(by_seq_no):
        transaction = advance(transaction, by_seq_no[seq_no])
    if transaction is None:
        raise ValueError("a transaction has at least one event")
    return transaction


def advance(transaction: Transaction | None, event: TransactionEvent) -> Transaction:
    """The transaction after an event that follows all it has seen. Raises ValueError for an older or repeated one."""
    if transaction is None:
        transaction = _blank(event)
    if event.seq_no <= transaction.last_seq_no:
        raise ValueError(f"event {event.seq_no} does not follow {transaction.last_seq_no}")
    changes: Changes = {"last_seq_no": event.seq_no, "event_count": transaction.event_count + 1}
    for part in (_sequence, _course, _place, _tokens, _latest, _first, _energy):
        part(changes, transaction, event)
    return transaction._replace(**changes)


def _blank(event: TransactionEvent) -> Transaction:
    """Before its first event. seqNo counts from 0 (TC_E_53); a station that starts elsewhere has lost nothing."""
    before = event.seq_no - 1
    return Transaction(
        last_seq_no=before if event.type is EventType.STARTED else min(before, -1),
        started_at=event.at,
    )


def _sequence(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    if event.seq_no > transaction.last_seq_no + 1 and len(transaction.gaps) < MAX_GAPS:
        changes["gaps"] = (*transaction.gaps, (transaction.last_seq_no + 1, event.seq_no - 1))
    if event.offline:
        changes["offline_events"] = transaction.offline_events + 1


def _course(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    """Once ended is ended: later seqNos may still bring meter values (TC_E_31)."""
    if event.type is EventType.ENDED:
        reason = event.stopped_reason or DEFAULT_STOPPED_REASON
        changes.update(state=State.ENDED, ended_at=event.at, stopped_reason=reason)
    elif event.type is EventType.STARTED and not transaction.started_seen:
        changes.update(started_seen=True, started_at=event.at)


def _place(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    """EVSE and connector may come late or never (E01.FR.16); an absent connector is not connector 1."""
    if event.evse_id is None or (event.evse_id == transaction.evse_id and event.connector_id is None):
        return
    changes["evse_id"], changes["connector_id"] = event.evse_id, event.connector_id


def _tokens(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    """The first token that did not come to stop the transaction started it."""
    if event.id_token is None:
        return
    if event.stops:
        changes["stop_id_token"] = event.id_token.masked()
    elif not transaction.id_token:
        changes["id_token"] = event.id_token.masked()


def _latest(changes: Changes, _transaction: Transaction, event: TransactionEvent) -> None:
    if event.charging_state is not None:
        changes["charging_state"] = event.charging_state
    if event.time_spent_charging is not None:
        changes["time_spent_charging"] = event.time_spent_charging
    if event.number_of_phases_used is not None:
        changes["number_of_phases_used"] = event.number_of_phases_used


def _first(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    if transaction.remote_start_id is None and event.remote_start_id is not None:
        changes["remote_start_id"] = event.remote_start_id
    if transaction.reservation_id is None and event.reservation_id is not None:
        changes["reservation_id"] = event.reservation_id


def _energy(changes: Changes, transaction: Transaction, event: TransactionEvent) -> None:
    meter = transaction.meter
    for reading in event.readings:
        meter = meter.take(reading)
    if meter is not transaction.meter:
        changes["meter"] = meter
