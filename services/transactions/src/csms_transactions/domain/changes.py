"""Says which domain events follow from a transaction's change."""

from collections.abc import Mapping
from enum import Enum, auto
from operator import attrgetter
from typing import Any

from csms_transactions.domain.transaction import NO_METER, State, Transaction


class Change(Enum):
    """Something other teams want to know."""

    STARTED = auto()
    UPDATED = auto()
    ENDED = auto()


def changes(before: Transaction | None, after: Transaction) -> list[Change]:
    """Return the changes from `before` (None: the transaction was unknown) to `after`, in the order to publish them.

    A transaction is STARTED when its first event comes, whichever that is. In a running transaction a new meter value
    alone is no change. In an ended one everything is a change that may have been billed.
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
    return bool(_shown(before) != _shown(after))


_shown = attrgetter("charging_state", "evse_id", "connector_id", "id_token", "group", "started_at")


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
    """Return the transaction without its counters and without the meter's state: the energy stays."""
    return transaction._replace(**_COUNTERS, meter=NO_METER)
