"""The outbox's table, and how records get into it."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_runtime.clock import utcnow
from sqlalchemy.ext.asyncio import AsyncSession

from csms_db.base import BigId, UtcDateTime
from csms_db.direct import Direct
from csms_db.statements import Insert


def outbox_columns() -> list[sa.Column[Any]]:
    """Return the outbox's columns, for a migration: `op.create_table("outbox", *outbox_columns())`."""
    return [
        sa.Column("id", BigId, primary_key=True),
        sa.Column("topic", sa.String(255), nullable=False),
        sa.Column("key", sa.String(255)),
        sa.Column("partition", sa.Integer),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
    ]


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """Return the table `outbox` of a service, added to its metadata."""
    return sa.Table("outbox", metadata, *outbox_columns())


async def add(session: AsyncSession | Direct, table: sa.Table, records: Sequence[Outgoing]) -> None:
    """Write records into the outbox, as part of the session's transaction. Call `OutboxRelay.wake()` after its commit.

    Raises ValueError for a tombstone: deletions are not told through an outbox.
    """
    now = utcnow()
    await _adding(table).execute(session, [_row(outgoing, now) for outgoing in records])


@cache  # one for each service of the process
def _adding(table: sa.Table) -> Insert:
    return Insert(table, ("topic", "key", "partition", "record", "created_at"))


def _row(outgoing: Outgoing, now: datetime) -> tuple[Any, ...]:
    if outgoing.tombstone:
        raise ValueError("an outbox carries records, no tombstones")
    return (outgoing.topic, outgoing.key, outgoing.partition, outgoing.record.SerializeToString(), now)


def outgoing_of(row: sa.Row[Any]) -> Outgoing:
    """Return the record of a row of the outbox."""
    return Outgoing(row.topic, Record.FromString(row.record), partition=row.partition, key=row.key)
