"""Finds running transactions that may have ended: where another one began on an EVSE, which has one at a time (E01)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from csms_db.direct import Direct

from csms_transactions.domain.closing import Evidence
from csms_transactions.domain.transaction import State
from csms_transactions.events.step import Step
from csms_transactions.store import status_checks
from csms_transactions.store.status_checks import Running

LATE_DELAY = timedelta(seconds=15)


async def note_doubts(session: Direct, steps: Sequence[Step], now: datetime) -> bool:
    """Note the older transactions on the EVSEs where one began. Return whether there are any.

    A station that tells of a transaction late will soon tell its end too: it is asked some time later.
    """
    begun = [step for step in steps if _began(step)]
    if not begun:
        return False
    running = await status_checks.running_at(session, {step.identity.station_id for step in begun})
    doubted = set(_doubted(begun, running))
    late = doubted & {step.identity.key for step in begun}
    await status_checks.note(session, doubted - late, Evidence.OTHER_ON_EVSE, now, now)
    await status_checks.note(session, late, Evidence.OTHER_ON_EVSE, now, now + LATE_DELAY)
    return bool(doubted)


def _began(step: Step) -> bool:
    """Whether a transaction began on an EVSE, or said only now on which EVSE it is."""
    after, before = step.after, step.before
    if after.evse_id is None or after.state is not State.ACTIVE:
        return False
    return before is None or before.evse_id != after.evse_id


def _doubted(begun: Sequence[Step], running: Iterable[Running]) -> Iterable[str]:
    """Of each two transactions on one EVSE, the key of the older one."""
    order = {step.identity.key: number for number, step in enumerate(begun)}
    others = list(running)
    for number, step in enumerate(begun):
        for other in others:
            is_there = other.station_id == step.identity.station_id and other.evse_id == step.after.evse_id
            if is_there and other.key != step.identity.key:
                is_older = _is_older(other, step, order.get(other.key, -1), number)
                yield other.key if is_older else step.identity.key


def _is_older(other: Running, step: Step, other_number: int, number: int) -> bool:
    """Whether the other one began before this one. If this one was told without delay, it began just now."""
    if other_number < 0 and not step.after.offline_events:
        return True
    return (other.started_at, other_number) < (step.after.started_at, number)
