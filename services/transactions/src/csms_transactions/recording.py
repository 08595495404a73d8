"""Storing a batch of transaction events: idempotent, in a number of statements that does not depend on its size.

The usual event follows all that is known of its transaction: it is applied to the stored state. A late one (its seqNo
is below the highest known) is either a repeat, which changes nothing, or fills a gap: then the transaction is derived
again from all its events. An event with the seqNo of another one and other content is in conflict: it is kept beside
it, and counts.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import blake2b

import orjson
from csms.v1.auth_pb2 import IdTokenInfo
from csms_db.direct import Direct
from csms_db.packed import size_of, unpack
from csms_ocpp import long_list
from csms_runtime import heavy
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions import measuring
from csms_transactions.asked import Asked, Authorized
from csms_transactions.authorizing import authorize, settle
from csms_transactions.deriving import Fresh, again
from csms_transactions.domain.events import EventType, TransactionEvent
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import Conflict, Transaction, follow, follows_measured
from csms_transactions.placing import NOWHERE, Placed, place
from csms_transactions.steps import Step
from csms_transactions.store import events as event_store
from csms_transactions.store import transactions as transaction_store
from csms_transactions.store.authorizations import Key
from csms_transactions.store.events import EventKey, Kept, NewConflict, NewEvent
from csms_transactions.store.facts import event_of, facts_of
from csms_transactions.store.transactions import Change
from csms_transactions.versions.version import StoredTransaction


@dataclass(slots=True)
class Recorded:
    """What came of a batch."""

    steps: list[Step] = field(default_factory=list)
    stored: int = 0
    late: int = 0
    """Of the stored ones, those that came after an event with a higher seqNo."""
    repeats: int = 0
    conflicts: list[EventKey] = field(default_factory=list)
    """Of the stored ones, those with the seqNo of another one."""
    authorized: Authorized = field(default_factory=Authorized)
    """What came of the questions about tokens."""
    placed: Placed = NOWHERE
    """Where the events of the batch belong."""

    def transactions(self) -> dict[int, StoredTransaction]:
        """The transactions of the events that have a number, as they are stored now."""
        after = {step.identity.key: step.after for step in self.steps}
        return {
            new.number: StoredTransaction(identity, after.get(identity.key) or self.placed.stored[identity.key])
            for identity, news in self.placed.batch.items()
            for new in news
            if new.number is not None
        }


@dataclass(slots=True)
class _News:
    """What is new for one transaction."""

    fresh: dict[int, NewEvent] = field(default_factory=dict)
    """By seqNo."""
    conflicts: list[NewConflict] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.fresh or self.conflicts)


NOTHING: Mapping[str, Transaction] = {}
Batch = Mapping[Identity, Sequence[NewEvent]]
"""Events by transaction, in order of arrival."""
_DIGEST_BYTES = 16


async def record(
    session: AsyncSession | Direct,
    batch: Batch,
    now: datetime,
    known: Mapping[str, Transaction] = NOTHING,
    decisions: Sequence[IdTokenInfo] | None = None,
) -> Recorded:
    """Store the events of a batch and what follows for their transactions.

    `decisions` are auth's answers to the batch's questions, if they are here.

    `known` are transactions as this process stored them last, by their keys; the others are read. Raises an error of
    the database or OutdatedError when another process handled the same transactions at the same time or since (a
    rebalance); trying again, with nothing known, then finds what it stored.
    """
    recorded = Recorded()
    unknown = [identity.key for identity in batch if identity.key not in known]
    stored = {**known, **await transaction_store.load(session, unknown)} if unknown else known
    placed = recorded.placed = await place(session, batch, stored)
    news = await _sort(session, placed.batch, placed.stored, recorded)
    steps = await _steps(session, news, placed.stored)
    for reused in placed.reused:
        reused.amend(steps, placed.stored, now)
    recorded.authorized = await authorize(session, placed.batch, steps, placed.stored, now, decisions=decisions)
    recorded.steps = [_revised(step) for step in steps.values()]
    await _write(session, news, recorded, now)
    return recorded


async def decide(session: AsyncSession | Direct, asked: Mapping[Key, Asked], now: datetime) -> Recorded:
    """Store decisions on tokens that were not decided when their events were stored, and what follows."""
    recorded = Recorded()
    stored = await transaction_store.load(session, {key.transaction for key in asked})
    steps: dict[str, Step] = {}
    rows = await settle(session, asked, steps, stored, now)
    for number, key in enumerate(asked):
        info = rows[key].info
        if info is not None:
            recorded.authorized.answers[number] = IdTokenInfo.FromString(info)
    recorded.steps = [_revised(step) for step in steps.values()]
    await _write(session, {}, recorded, now)
    return recorded


async def _sort(
    session: AsyncSession | Direct, batch: Batch, stored: Mapping[str, Transaction], recorded: Recorded
) -> dict[Identity, _News]:
    """Tell what is fresh, a repeat, in conflict."""
    late = [
        (identity.key, new.event.seq_no)
        for identity, news in batch.items()
        if identity.key in stored
        for new in news
        if new.event.seq_no <= stored[identity.key].last_seq_no
    ]
    known = await event_store.stored(session, late) if late else {}
    by_key: defaultdict[str, dict[int, Kept]] = defaultdict(dict)
    for (key, seq_no), kept in known.items():
        by_key[key][seq_no] = kept
    found: dict[Identity, _News] = {}
    for identity, news in batch.items():
        found[identity] = await _sorted(news, stored.get(identity.key), by_key[identity.key], recorded)
    if any(one.conflicts for one in found.values()):
        await _drop_known_conflicts(session, found.values(), recorded)
    recorded.late = sum(key not in known for key in set(late))
    return found


async def _sorted(
    news: Sequence[NewEvent], before: Transaction | None, known: dict[int, Kept], recorded: Recorded
) -> _News:
    """Of several new events with one seqNo the first counts as fresh. `known`: what is stored of these."""
    found = _News()
    highest = None if before is None else before.last_seq_no
    for new in news:
        event = new.event
        kept = known.get(event.seq_no)
        if kept is None:
            known[event.seq_no] = Kept(new.packed, event.at, event.type.value)
            found.fresh[event.seq_no] = new
        elif await _is_repeat(new, kept.packed):
            recorded.repeats += 1
        else:
            number = len(found.conflicts) + (0 if before is None else before.event_count)
            found.conflicts.append(await _in_conflict(new, kept, highest, number))
        highest = event.seq_no if highest is None else max(highest, event.seq_no)
    return found


async def _in_conflict(new: NewEvent, kept: Kept, highest: int | None, number: int) -> NewConflict:
    """An event with the seqNo of another one: the station lost its counter, or changed what it sends again.

    Of the latter the first one counts; what was changed is shown.
    """
    event, digest = new.event, await _digest(new)
    if (event.at, event.type.value) != (kept.at, kept.type):
        return NewConflict(new, digest, event.seq_no if highest is None else highest, number)
    nothing_new = TransactionEvent(event.seq_no, EventType.UPDATED, event.at, event.trigger_reason, event.offline)
    return NewConflict(new._replace(facts=facts_of(nothing_new)), digest, event.seq_no, number)


async def _is_repeat(new: NewEvent, packed: bytes) -> bool:
    """Stations resend what was not answered in time (E13); then it is the same, byte for byte or at least as JSON."""
    if new.packed == packed:
        return True
    return await heavy.run(max(len(new.payload), size_of(packed)), partial(_same, new, packed))


def _same(new: NewEvent, packed: bytes) -> bool:
    return bool(long_list.loads(new.payload) == long_list.loads(unpack(packed)))


async def _digest(new: NewEvent) -> str:
    def digested() -> str:
        canonical = orjson.dumps(long_list.loads(new.payload), option=orjson.OPT_SORT_KEYS)
        return blake2b(canonical, digest_size=_DIGEST_BYTES).hexdigest()

    return await heavy.run(len(new.payload), digested)


async def _drop_known_conflicts(session: AsyncSession | Direct, found: Collection[_News], recorded: Recorded) -> None:
    """Take those out that are stored already, or that are in the batch twice."""
    keys = {(conflict.new.key, conflict.new.event.seq_no) for news in found for conflict in news.conflicts}
    seen = await event_store.stored_digests(session, keys)
    for news in found:
        fresh: list[NewConflict] = []
        for conflict in news.conflicts:
            name = (conflict.new.key, conflict.new.event.seq_no, conflict.digest)
            if name in seen:
                recorded.repeats += 1
            else:
                seen.add(name)
                fresh.append(conflict)
        news.conflicts = fresh


async def _steps(
    session: AsyncSession | Direct, news: Mapping[Identity, _News], stored: Mapping[str, Transaction]
) -> dict[str, Step]:
    """What the news make of their transactions."""
    fresh = {identity: new for identity, new in news.items() if new}
    late = {
        identity.key: _fresh(new)
        for identity, new in fresh.items()
        if (before := stored.get(identity.key)) is not None and not _follows(new, before)
    }
    derived = await again(session, stored, late) if late else {}
    steps: dict[str, Step] = {}
    for identity, new in fresh.items():
        before = stored.get(identity.key)
        after = derived[identity.key] if identity.key in derived else _follow(before, new)
        steps[identity.key] = Step(identity, before, after)
    claimed = await measuring.claim(session, steps.values())
    if claimed:
        told = {identity.key: _fresh(new) for identity, new in fresh.items()}
        derived = await again(session, stored, {key: told[key]._replace(measured=new) for key, new in claimed.items()})
        steps.update({key: replace(steps[key], after=after) for key, after in derived.items()})
    return steps


def _follows(news: _News, before: Transaction) -> bool:
    """Whether all of them can be applied to the stored state."""
    events = (new.event for new in (*news.fresh.values(), *(conflict.new for conflict in news.conflicts)))
    if before.meter.outdated or _is_behind(news, before.last_seq_no):
        return False
    return not before.meter.measured_at or all(follows_measured(before, event) for event in events)


def _fresh(news: _News) -> Fresh:
    return Fresh([new.event for new in news.fresh.values()], list(map(_conflict, news.conflicts)))


def _is_behind(news: _News, last_seq_no: int) -> bool:
    """Whether any of them belongs before what is known."""
    return any(seq_no < last_seq_no for seq_no in news.fresh) or any(
        conflict.follows < last_seq_no for conflict in news.conflicts
    )


def _follow(before: Transaction | None, news: _News) -> Transaction:
    events = {seq_no: new.event for seq_no, new in news.fresh.items()}
    after = follow(before, events, map(_conflict, news.conflicts))
    if after is None:
        raise ValueError("a transaction has at least one event")
    return after


def _conflict(item: NewConflict) -> Conflict:
    """What counts of it: the facts are less than the event where it only repeats another."""
    facts = item.new.facts
    return Conflict(item.follows, item.number, item.new.event if facts is None else event_of(facts))


def _revised(step: Step) -> Step:
    revision = 1 if step.before is None else step.before.revision + 1
    return Step(step.identity, step.before, step.after._replace(revision=revision))


async def _write(
    session: AsyncSession | Direct, found: Mapping[Identity, _News], recorded: Recorded, now: datetime
) -> None:
    created = {step.identity: step.after for step in recorded.steps if step.before is None}
    changed = [Change(step.identity.key, step.before, step.after) for step in recorded.steps if step.before is not None]
    await transaction_store.create(session, created, now)
    await transaction_store.save(session, changed, now)
    fresh = [new for news in found.values() for new in news.fresh.values()]
    conflicts = [conflict for news in found.values() for conflict in news.conflicts]
    await event_store.add(session, fresh)
    await event_store.add_conflicts(session, conflicts)
    recorded.stored = len(fresh) + len(conflicts)
    recorded.conflicts = [(conflict.new.key, conflict.new.event.seq_no) for conflict in conflicts]
