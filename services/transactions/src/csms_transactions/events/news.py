"""Tells which events of a batch are new, which are repeats, and which are in conflict.

An event is late when its seqNo is below the highest known one: it is a repeat, or it fills a gap. An event with the
seqNo of another one and other content is in conflict: it is kept beside that one, and counts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

import orjson
from csms_db.direct import Direct
from csms_db.packed import size_of, unpack
from csms_ocpp import long_list
from csms_runtime import heavy
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import EventType, TransactionEvent
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import Transaction
from csms_transactions.store import events as event_store
from csms_transactions.store.events import Kept, NewConflict, NewEvent
from csms_transactions.store.facts import facts_of

Arrivals = Mapping[Identity, Sequence[NewEvent]]
"""The events of a batch by transaction, in the order in which they arrived."""
_DIGEST_BYTES = 16


@dataclass(slots=True)
class News:
    """What is new for one transaction."""

    fresh: dict[int, NewEvent] = field(default_factory=dict)
    """New events by seqNo."""
    conflicts: list[NewConflict] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.fresh or self.conflicts)


@dataclass(slots=True)
class SortedBatch:
    """The news of a batch, and how many events were late or repeats."""

    news: dict[Identity, News] = field(default_factory=dict)
    late: int = 0
    """Of the new ones, those that came after an event with a higher seqNo."""
    repeats: int = 0


async def sort(session: AsyncSession | Direct, batch: Arrivals, stored: Mapping[str, Transaction]) -> SortedBatch:
    """Sort the events of a batch. `stored`: their transactions, as far as they are stored."""
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
    found = SortedBatch()
    for identity, news in batch.items():
        if len(news) == 1 and identity.key not in by_key:  # the usual event
            found.news[identity] = News({news[0].event.seq_no: news[0]})
        else:
            found.news[identity] = await _sorted(news, stored.get(identity.key), by_key[identity.key], found)
    if any(one.conflicts for one in found.news.values()):
        await _drop_known_conflicts(session, found)
    found.late = sum(key not in known for key in set(late))
    return found


async def _sorted(
    news: Sequence[NewEvent], before: Transaction | None, known: dict[int, Kept], counts: SortedBatch
) -> News:
    """Sort the events of one transaction. Of several with one seqNo the first is fresh. `known`: what is stored."""
    found = News()
    highest = None if before is None else before.last_seq_no
    for new in news:
        event = new.event
        kept = known.get(event.seq_no)
        if kept is None:
            known[event.seq_no] = Kept(new.packed, event.at, event.type.value)
            found.fresh[event.seq_no] = new
        elif await _is_repeat(new, kept.packed):
            counts.repeats += 1
        else:
            number = len(found.conflicts) + (0 if before is None else before.event_count)
            found.conflicts.append(await _in_conflict(new, kept, highest, number))
        highest = event.seq_no if highest is None else max(highest, event.seq_no)
    return found


async def _in_conflict(new: NewEvent, kept: Kept, highest: int | None, number: int) -> NewConflict:
    """Return an event with the seqNo of another one: the station lost its counter, or changed what it sends again.

    If it changed it, the first event counts, and the changed one is only shown.
    """
    event, digest = new.event, await _digest(new)
    if (event.at, event.type.value) != (kept.at, kept.type):
        return NewConflict(new, digest, event.seq_no if highest is None else highest, number)
    nothing_new = TransactionEvent(event.seq_no, EventType.UPDATED, event.at, event.trigger_reason, event.offline)
    return NewConflict(new._replace(facts=facts_of(nothing_new)), digest, event.seq_no, number)


async def _is_repeat(new: NewEvent, packed: bytes) -> bool:
    """Whether it is what is stored, as bytes or as JSON: stations resend what was not answered in time (E13)."""
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


async def _drop_known_conflicts(session: AsyncSession | Direct, found: SortedBatch) -> None:
    """Take out conflicts that are stored already, and those that the batch holds twice."""
    keys = {
        (conflict.new.key, conflict.new.event.seq_no) for news in found.news.values() for conflict in news.conflicts
    }
    seen = await event_store.stored_digests(session, keys)
    for news in found.news.values():
        fresh: list[NewConflict] = []
        for conflict in news.conflicts:
            name = (conflict.new.key, conflict.new.event.seq_no, conflict.digest)
            if name in seen:
                found.repeats += 1
            else:
                seen.add(name)
                fresh.append(conflict)
        news.conflicts = fresh
