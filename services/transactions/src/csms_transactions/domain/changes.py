"""Which domain events follow from a transaction's change."""

from enum import Enum, auto

from csms_transactions.domain.transaction import State, Transaction


class Change(Enum):
    """Something other teams want to know."""

    STARTED = auto()
    UPDATED = auto()
    ENDED = auto()


def changes(before: Transaction | None, after: Transaction) -> list[Change]:
    """The changes from `before` (None: the transaction was unknown) to `after`, in the order to publish them.

    A transaction is STARTED when it is first heard of, be it by its last event. A meter value alone is no change of a
    running transaction, but a correction of the energy of an ended one is UPDATED: somebody may have billed it.
    """
    found = [Change.STARTED] if before is None else []
    if after.state is State.ENDED and (before is None or before.state is not State.ENDED):
        return [*found, Change.ENDED]
    if before is not None and _updated(before, after):
        found.append(Change.UPDATED)
    return found


def _updated(before: Transaction, after: Transaction) -> bool:
    if _shown(before) != _shown(after):
        return True
    return after.state is State.ENDED and before.meter.energy_wh != after.meter.energy_wh


def _shown(transaction: Transaction) -> tuple[object, ...]:
    return (transaction.charging_state, transaction.evse_id, transaction.connector_id, transaction.id_token)
