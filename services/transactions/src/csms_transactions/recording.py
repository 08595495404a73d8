"""Storing a batch of transaction events: idempotent, in a number of statements that does not depend on its size.

The usual event follows all that is known of its transaction: it is applied to the stored state. A late one (its seqNo
is below the highest known) is either a repeat, which changes nothing, or fills a gap: then the transaction is derived
again from all its events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain

from csms_db.direct import Direct
from csms_db.packed import size_of, unpack
from csms_ocpp import long_list
from csms_runtime import heavy
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import TransactionEvent
from csms_transactions.domain.transaction import Transaction, advance, derive
from csms_transactions.protocols.stored import event_of, read_event
from csms_transactions.store import events as event_store
from csms_transactions.store import transactions as transaction_store
from csms_transactions.store.events import EventKey, NewEvent
from csms_transactions.store.transactions import Change, Identity


@dataclass(frozen=True, slots=True)
class Step:
    """How a batch changed one transaction."""

    identity: Identity
    before: Transaction | None
    after: Transaction


@dataclass(slots=True)
class Recorded:
    """What came of a batch."""

    steps: list[Step] = field(default_factory=list)
    stored: int = 0
    late: int = 0
    """Of the stored ones, those that came after an event with a higher seqNo."""
    repeats: int = 0
    conflicts: list[EventKey] = field(default_factory=list)
    """Events whose key is stored with other content; what was stored first stays."""


NOTHING: Mapping[str, Transaction] = {}
Batch = Mapping[Identity, Sequence[NewEvent]]
"""Events by transaction, in order of arrival."""


async def record(
    session: AsyncSession | Direct, batch: Batch, now: datetime, known: Mapping[str, Transaction] = NOTHING
) -> Recorded:
    """Store the events of a batch and what follows for their transactions.

    `known` are transactions as this process stored them last, by their keys; the others are read. Raises an error of
    the database or OutdatedError when another process handled the same transactions at the same time or since (a
    rebalance); trying again, with nothing known, then finds what it stored.
    """
    recorded = Recorded()
    unknown = [identity.key for identity in batch if identity.key not in known]
    stored = {**known, **await transaction_store.load(session, unknown)} if unknown else known
    fresh = {identity: await _once(news, recorded) for identity, news in batch.items()}
    refill = await _drop_known(session, fresh, stored, recorded)
    histories = await event_store.all_of(session, refill) if refill else {}
    for identity, news in fresh.items():
        if news:
            before = stored.get(identity.key)
            history = histories.get(identity.key)
            after = _follow(before, news) if history is None else await _again(history, news)
            recorded.steps.append(Step(identity, before, after))
    await _write(session, fresh, recorded, now)
    return recorded


async def _once(news: Sequence[NewEvent], recorded: Recorded) -> dict[int, NewEvent]:
    """By seqNo; the first wins."""
    found: dict[int, NewEvent] = {}
    for new in news:
        first = found.setdefault(new.event.seq_no, new)
        if first is not new:
            await _repeat(new, first.packed, recorded)
    return found


async def _repeat(new: NewEvent, packed: bytes, recorded: Recorded) -> None:
    """Stations resend what was not answered in time (E13); then it is the same, byte for byte or at least as JSON."""
    if new.packed == packed or await heavy.run(max(len(new.payload), size_of(packed)), partial(_same, new, packed)):
        recorded.repeats += 1
    else:
        recorded.conflicts.append((new.key, new.event.seq_no))


def _same(new: NewEvent, packed: bytes) -> bool:
    return bool(long_list.loads(new.payload) == long_list.loads(unpack(packed)))


async def _drop_known(
    session: AsyncSession | Direct,
    fresh: Mapping[Identity, dict[int, NewEvent]],
    stored: Mapping[str, Transaction],
    recorded: Recorded,
) -> set[str]:
    """Take stored events out of `fresh`; return the keys of transactions with late ones that are not stored."""
    late = [
        new
        for identity, news in fresh.items()
        if identity.key in stored
        for seq_no, new in news.items()
        if seq_no <= stored[identity.key].last_seq_no
    ]
    if not late:
        return set()
    known = await event_store.stored_payloads(session, [(new.key, new.event.seq_no) for new in late])
    by_key = {identity.key: news for identity, news in fresh.items()}
    for new in late:
        packed = known.get((new.key, new.event.seq_no))
        if packed is not None:
            await _repeat(new, packed, recorded)
            del by_key[new.key][new.event.seq_no]
    missing = [new for new in late if (new.key, new.event.seq_no) not in known]
    recorded.late = len(missing)
    return {new.key for new in missing}


def _follow(transaction: Transaction | None, news: Mapping[int, NewEvent]) -> Transaction:
    first, *others = sorted(news)
    transaction = advance(transaction, news[first].event)
    for seq_no in others:
        transaction = advance(transaction, news[seq_no].event)
    return transaction


async def _again(history: Sequence[event_store.StoredEvent], news: Mapping[int, NewEvent]) -> Transaction:
    def derived() -> Transaction:
        events = (_event(stored) for stored in history)
        return derive(chain(events, (new.event for new in news.values())))

    return await heavy.run(sum(_size(stored) for stored in history), derived)


def _event(stored: event_store.StoredEvent) -> TransactionEvent:
    return read_event(stored.protocol, stored.packed) if stored.facts is None else event_of(stored.facts)


def _size(stored: event_store.StoredEvent) -> int:
    return size_of(stored.packed) if stored.facts is None else len(stored.facts)


async def _write(
    session: AsyncSession | Direct, fresh: Mapping[Identity, dict[int, NewEvent]], recorded: Recorded, now: datetime
) -> None:
    created = {step.identity: step.after for step in recorded.steps if step.before is None}
    changed = [Change(step.identity.key, step.before, step.after) for step in recorded.steps if step.before is not None]
    await transaction_store.create(session, created, now)
    await transaction_store.save(session, changed, now)
    news = [new for by_seq_no in fresh.values() for new in by_seq_no.values()]
    await event_store.add(session, news)
    recorded.stored = len(news)
