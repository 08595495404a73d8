"""Statements on `transaction_events` and `conflicting_events`."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from csms_db.direct import Direct
from csms_db.packed import pack
from csms_db.statements import Insert, Lookup
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import TransactionEvent
from csms_transactions.store.tables import conflicting_events as conflicts
from csms_transactions.store.tables import transaction_events as table

PLAIN_BYTES = 8 * 1024
"""A payload of up to so many bytes is stored as it came: packing would gain little and cost much."""

EventKey = tuple[str, int]
"""The transaction's key and the seqNo."""


class NewEvent(NamedTuple):
    """An event as received, and where it belongs."""

    key: str
    protocol: str
    event: TransactionEvent
    payload: bytes
    received_at: datetime
    packed: bytes
    """What is stored of the payload (see `kept`)."""
    facts: bytes | None = None
    """What it tells of its transaction. None: the payload is small, and can be read as fast."""
    question: int | None = None
    """The number of the question about its token, among those of the batch."""
    number: int | None = None
    """Its number in the batch, if the station's answer is made of what is stored."""


class StoredEvent(NamedTuple):
    """A stored event."""

    seq_no: int
    protocol: str
    packed: bytes
    """The payload; empty when there are facts."""
    facts: bytes | None


class Kept(NamedTuple):
    """What is stored under a seqNo."""

    packed: bytes
    at: datetime
    """The station's time of the event."""
    type: str


class NewConflict(NamedTuple):
    """An event in conflict, as received, and where it belongs (`csms_transactions.domain.transaction.Conflict`)."""

    new: NewEvent
    digest: str
    follows: int
    number: int


class StoredConflict(NamedTuple):
    """A stored event in conflict."""

    follows: int
    number: int
    stored: StoredEvent


class Head(NamedTuple):
    """Enough of an event to know it again, where one transactionId means several transactions."""

    transaction: str
    seq_no: int
    type: str
    at: datetime


_NAMES = ("transaction", "seq_no", "protocol", "event_type", "trigger_reason", "timestamp", "offline", "received_at")
_ADD = Insert(table, (*_NAMES, "payload", "facts"))
_ADD_CONFLICTS = Insert(conflicts, (*_NAMES, "payload", "facts", "digest", "follows", "number"))
_STORED = Lookup(
    [table.c[name] for name in ("transaction", "seq_no", "payload", "timestamp", "event_type")],
    by=(table.c.transaction, table.c.seq_no),
)
_DIGESTS = Lookup(
    (conflicts.c.transaction, conflicts.c.seq_no, conflicts.c.digest), by=(conflicts.c.transaction, conflicts.c.seq_no)
)
_CONFLICTS = Lookup(
    [conflicts.c[name] for name in ("transaction", "follows", "number", "seq_no", "protocol", "payload", "facts")],
    by=(conflicts.c.transaction,),
)
_HEADS = [
    Lookup(
        [one.c[name] for name in ("transaction", "seq_no", "event_type", "timestamp")],
        by=(one.c.transaction, one.c.seq_no),
    )
    for one in (table, conflicts)
]
_ALL = Lookup((table.c.transaction, table.c.seq_no, table.c.protocol, table.c.facts), by=(table.c.transaction,))


def kept(payload: bytes) -> bytes:
    """Return a payload as it is stored: packed if it is large (csms_db.packed)."""
    return payload if len(payload) <= PLAIN_BYTES else pack(payload)


async def add(session: AsyncSession | Direct, events: Sequence[NewEvent]) -> None:
    """Insert. Raises IntegrityError when another process was faster: then the batch must be tried again."""
    await _ADD.execute(session, [_row(event) for event in events])


async def add_conflicts(session: AsyncSession | Direct, news: Sequence[NewConflict]) -> None:
    """Insert events in conflict. Raises as `add`."""
    if news:
        await _ADD_CONFLICTS.execute(session, [(*_row(item.new), *item[1:]) for item in news])


async def stored(session: AsyncSession | Direct, keys: Iterable[EventKey]) -> dict[EventKey, Kept]:
    """Return those events among `keys` that are stored."""
    wanted = set(keys)
    rows = await _STORED.fetch(session, {key for key, _ in wanted}, {seq_no for _, seq_no in wanted})
    return {(key, seq_no): Kept(*what) for key, seq_no, *what in rows if (key, seq_no) in wanted}


async def stored_digests(session: AsyncSession | Direct, keys: Collection[EventKey]) -> set[tuple[str, int, str]]:
    """Return transaction, seqNo and digest of stored conflicts of these events, and perhaps of some others."""
    rows = await _DIGESTS.fetch(session, {key for key, _ in keys}, {seq_no for _, seq_no in keys})
    return {(key, seq_no, digest) for key, seq_no, digest in rows}


async def heads(session: AsyncSession | Direct, keys: Collection[str], seq_nos: Collection[int]) -> list[Head]:
    """Return the heads of these transactions' events with these seqNos."""
    return [Head(*row) for lookup in _HEADS for row in await lookup.fetch(session, keys, seq_nos)]


async def conflicts_of(session: AsyncSession | Direct, keys: Collection[str]) -> dict[str, list[StoredConflict]]:
    """Return all events in conflict of some transactions. As slow as `all_of`."""
    found: dict[str, list[StoredConflict]] = {key: [] for key in keys}
    for key, follows, number, seq_no, protocol, payload, facts in await _CONFLICTS.fetch(session, keys):
        found[key].append(StoredConflict(follows, number, StoredEvent(seq_no, protocol, payload, facts)))
    return found


async def all_of(session: AsyncSession | Direct, keys: Collection[str]) -> dict[str, list[StoredEvent]]:
    """Return all stored events of some transactions. It is slow: use it for late events only.

    Of large events only the facts are read, so that each further large event does not cost more than the one before.
    """
    rows = await _ALL.fetch(session, keys)
    payloads = await stored(session, [(key, seq_no) for key, seq_no, _, facts in rows if facts is None])
    found: dict[str, list[StoredEvent]] = {key: [] for key in keys}
    for key, seq_no, protocol, facts in rows:
        packed = b"" if facts is not None else payloads[key, seq_no].packed
        found[key].append(StoredEvent(seq_no, protocol, packed, facts))
    return found


def _row(new: NewEvent) -> tuple[object, ...]:
    key, protocol, event, _, received_at, packed, facts, *_ = new
    seq_no, kind, at, trigger_reason, offline, *_ = event
    return (key, seq_no, protocol, kind.value, trigger_reason, at, offline, received_at, packed, facts)
