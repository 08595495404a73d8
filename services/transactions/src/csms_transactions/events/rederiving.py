"""Derives transactions again, from all that is stored of them and what is new."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from csms_db.direct import Direct
from csms_db.packed import size_of, unpack
from csms_runtime import heavy
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions import versions
from csms_transactions.domain.events import TransactionEvent
from csms_transactions.domain.readings import Reading
from csms_transactions.domain.transaction import Conflict, Transaction, derive
from csms_transactions.events.weight import weight
from csms_transactions.store import events as event_store
from csms_transactions.store import meter_values
from csms_transactions.store.events import StoredConflict, StoredEvent
from csms_transactions.store.facts import event_of, readings_of


class Fresh(NamedTuple):
    """What is new for a transaction, and not stored yet."""

    events: Sequence[TransactionEvent] = ()
    conflicts: Sequence[Conflict] = ()
    measured: Sequence[Reading] = ()
    """Readings of MeterValues messages."""


async def again(
    session: AsyncSession | Direct, before: Mapping[str, Transaction | None], fresh: Mapping[str, Fresh]
) -> dict[str, Transaction]:
    """Return the transactions of `fresh`, by key. `before`: as they are stored; None or absent when they are not."""
    known = {key: transaction for key in fresh if (transaction := before.get(key)) is not None}
    if not known:
        return {key: await heavy.run(_told(news), _of(news), awaited=True) for key, news in fresh.items()}
    histories = await event_store.all_of(session, known)
    with_conflicts = [key for key, transaction in known.items() if transaction.conflicts]
    conflicts = await event_store.conflicts_of(session, with_conflicts) if with_conflicts else {}
    measured = await meter_values.of_transactions(session, known)
    found: dict[str, Transaction] = {}
    for key, news in fresh.items():
        beside, facts = conflicts.get(key, ()), measured.get(key, ())
        history = histories.get(key, ())
        size = sum(map(_size, history)) + sum(_size(one.stored) for one in beside) + sum(map(len, facts))
        work = _of(news, known.get(key), history, beside, facts)
        found[key] = await heavy.run(size + _told(news), work, awaited=True)
    return found


def _told(news: Fresh) -> int:
    events = chain(news.events, (one.event for one in news.conflicts))
    return sum(weight(event.readings) for event in events) + weight(news.measured)


def _of(
    news: Fresh,
    known: Transaction | None = None,
    history: Sequence[StoredEvent] = (),
    conflicts: Sequence[StoredConflict] = (),
    measured: Sequence[bytes] = (),
) -> Callable[[], Transaction]:
    def derived() -> Transaction:
        events = chain(map(_event, history), news.events)
        beside = chain((Conflict(follows, number, _event(one)) for follows, number, one in conflicts), news.conflicts)
        readings = [*chain.from_iterable(map(readings_of, measured)), *news.measured]
        return derive(events, beside, known, readings)

    return derived


def _event(stored: StoredEvent) -> TransactionEvent:
    if stored.facts is not None:
        return event_of(stored.facts)
    return versions.of_stored(stored.protocol).stored_event(unpack(stored.packed), stored.seq_no)


def _size(stored: StoredEvent) -> int:
    return size_of(stored.packed) if stored.facts is None else len(stored.facts)
