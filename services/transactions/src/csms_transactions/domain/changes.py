"""Which domain events follow from a transaction's change."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from csms_transactions.domain.transaction import NO_METER, State, Transaction


class Change(Enum):
    """Something other teams want to know."""

    STARTED = auto()
    UPDATED = auto()
    ENDED = auto()


def changes(before: Transaction | None, after: Transaction) -> list[Change]:
    """The changes from `before` (None: the transaction was unknown) to `after`, in the order to publish them.

    A transaction is STARTED when it is first heard of, be it by its last event. A meter value alone is no change of a
    running transaction; of an ended one everything is that may have been billed.
    """
    found = [Change.STARTED] if before is None else []
    if after.state is State.ENDED and (before is None or before.state is not State.ENDED):
        return [*found, Change.ENDED]
    if before is not None and _updated(before, after):
        found.append(Change.UPDATED)
    return found


def _updated(before: Transaction, after: Transaction) -> bool:
    if after.state is State.ENDED:
        return _billed(before) != _billed(after)
    return _shown(before) != _shown(after)


def _shown(transaction: Transaction) -> tuple[object, ...]:
    return (
        transaction.charging_state,
        transaction.evse_id,
        transaction.connector_id,
        transaction.id_token,
        transaction.group,
        transaction.started_at,
    )


_COUNTERS: Mapping[str, Any] = {
    "last_seq_no": 0,
    "event_count": 0,
    "offline_events": 0,
    "last_event_at": None,
    "charging_state": None,  # nobody bills it
    "reuses": 0,
    "revision": 0,
}


def _billed(transaction: Transaction) -> Transaction:
    """All but what only counts; of the meter what it says, not how it came to that."""
    return transaction._replace(**_COUNTERS, meter=NO_METER)
