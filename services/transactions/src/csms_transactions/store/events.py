"""Statements on `transaction_events`."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from csms_db.direct import Direct
from csms_db.packed import pack
from csms_db.statements import Insert, Lookup
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import TransactionEvent
from csms_transactions.store.tables import transaction_events as table

PLAIN_BYTES = 8 * 1024
"""A payload of no more is stored as it came: it would gain little, and there are many of them."""

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
    """What is stored of the payload, see `kept`."""
    facts: bytes | None = None
    """What it tells of its transaction; None: the payload is small, and read as fast."""


class StoredEvent(NamedTuple):
    """An event read back."""

    seq_no: int
    protocol: str
    packed: bytes
    """The payload; empty: there are facts."""
    facts: bytes | None


_NAMES = ("transaction", "seq_no", "protocol", "event_type", "trigger_reason", "timestamp", "offline", "received_at")
_ADD = Insert(table, (*_NAMES, "payload", "facts"))
_STORED = Lookup((table.c.transaction, table.c.seq_no, table.c.payload), by=(table.c.transaction, table.c.seq_no))
_ALL = Lookup((table.c.transaction, table.c.seq_no, table.c.protocol, table.c.facts), by=(table.c.transaction,))


def kept(payload: bytes) -> bytes:
    """Return what is stored of a payload: all of it, packed if it is large (csms_db.packed)."""
    return payload if len(payload) <= PLAIN_BYTES else pack(payload)


async def add(session: AsyncSession | Direct, events: Sequence[NewEvent]) -> None:
    """Insert. Raises IntegrityError when another process was faster; the batch is then to be tried again."""
    await _ADD.execute(session, [_row(event) for event in events])


async def stored_payloads(session: AsyncSession | Direct, keys: Iterable[EventKey]) -> dict[EventKey, bytes]:
    """The payloads of those events among `keys` that are stored, packed."""
    wanted = set(keys)
    rows = await _STORED.fetch(session, {key for key, _ in wanted}, {seq_no for _, seq_no in wanted})
    return {(key, seq_no): payload for key, seq_no, payload in rows if (key, seq_no) in wanted}


async def all_of(session: AsyncSession | Direct, keys: Collection[str]) -> dict[str, list[StoredEvent]]:
    """Every stored event of some transactions: for late events only, never on the usual way.

    Of large ones the facts alone, so that many of them, each after the next, do not cost ever more.
    """
    rows = await _ALL.fetch(session, keys)
    payloads = await stored_payloads(session, [(key, seq_no) for key, seq_no, _, facts in rows if facts is None])
    found: dict[str, list[StoredEvent]] = {key: [] for key in keys}
    for key, seq_no, protocol, facts in rows:
        found[key].append(StoredEvent(seq_no, protocol, payloads.get((key, seq_no), b""), facts))
    return found


def _row(new: NewEvent) -> tuple[object, ...]:
    event = new.event
    kind = event.type.value
    what = (new.key, event.seq_no, new.protocol, kind, event.trigger_reason)
    return (*what, event.at, event.offline, new.received_at, new.packed, new.facts)
