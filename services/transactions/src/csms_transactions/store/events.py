"""Statements on `transaction_events`."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import TransactionEvent
from csms_transactions.store.tables import transaction_events as table

EventKey = tuple[str, int]
"""The transaction's key and the seqNo."""


class NewEvent(NamedTuple):
    """An event as received, and where it belongs."""

    key: str
    protocol: str
    event: TransactionEvent
    payload: bytes
    received_at: datetime


class StoredEvent(NamedTuple):
    """An event read back."""

    seq_no: int
    protocol: str
    payload: bytes


_ADD = insert(table)
_STORED = select(table.c.transaction, table.c.seq_no, table.c.payload).where(
    tuple_(table.c.transaction, table.c.seq_no).in_(bindparam("keys", expanding=True))
)
_ALL = select(table.c.transaction, table.c.seq_no, table.c.protocol, table.c.payload).where(
    table.c.transaction.in_(bindparam("keys", expanding=True))
)


async def add(session: AsyncSession, events: Sequence[NewEvent]) -> None:
    """Insert. Raises IntegrityError when another process was faster; the batch is then to be tried again."""
    if events:
        await session.execute(_ADD, [_row(event) for event in events])


async def stored_payloads(session: AsyncSession, keys: Iterable[EventKey]) -> dict[EventKey, bytes]:
    """The payloads of those events among `keys` that are stored."""
    result = await session.execute(_STORED, {"keys": sorted(keys)})
    return {(row.transaction, row.seq_no): row.payload for row in result}


async def all_of(session: AsyncSession, keys: Collection[str]) -> dict[str, list[StoredEvent]]:
    """Every stored event of some transactions: for late events only, never on the usual way."""
    found: dict[str, list[StoredEvent]] = {key: [] for key in keys}
    for row in await session.execute(_ALL, {"keys": sorted(keys)}):
        found[row.transaction].append(StoredEvent(row.seq_no, row.protocol, row.payload))
    return found


def _row(new: NewEvent) -> dict[str, object]:
    event = new.event
    return {
        "transaction": new.key,
        "seq_no": event.seq_no,
        "protocol": new.protocol,
        "event_type": event.type.value,
        "trigger_reason": event.trigger_reason,
        "timestamp": event.at,
        "offline": event.offline,
        "received_at": new.received_at,
        "payload": new.payload,
    }
