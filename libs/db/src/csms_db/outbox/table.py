"""The outbox's tables, and how records get into it."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from csms_runtime.clock import utcnow
from sqlalchemy.ext.asyncio import AsyncSession

from csms_db.base import BigId, UtcDateTime
from csms_db.direct import Direct
from csms_db.statements import Insert


class Publishable(Protocol):
    """A record to publish, as the bus's `Outgoing` is one."""

    topic: str
    partition: int | None
    tombstone: bool

    @property
    def ordering_key(self) -> str:
        """What the record's order holds for."""
        ...

    def encoded(self) -> bytes:
        """Return the bytes that are published."""
        ...


class OutboxRecord(NamedTuple):
    """A record as it lies in the outbox: what is published is these bytes."""

    topic: str
    key: str | None
    partition: int | None
    value: bytes


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


def set_aside_columns() -> list[sa.Column[Any]]:
    """Return the columns of the records that can never be published, for a migration: the table `set_aside_records`."""
    return [
        *outbox_columns(),
        sa.Column("set_aside_at", UtcDateTime, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
    ]


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """Return the table `outbox` of a service, added to its metadata with the table `set_aside_records` beside it."""
    sa.Table("set_aside_records", metadata, *set_aside_columns())
    return sa.Table("outbox", metadata, *outbox_columns())


def set_aside_table(outbox: sa.Table) -> sa.Table:
    """Return the table of records that can never be published, which lies beside an outbox."""
    return outbox.metadata.tables["set_aside_records"]


async def add(session: AsyncSession | Direct, table: sa.Table, records: Sequence[Publishable]) -> None:
    """Write records into the outbox, as part of the session's transaction. Call `OutboxRelay.wake()` after its commit.

    Raises ValueError for a tombstone: deletions are not told through an outbox.
    """
    now = utcnow()
    await _adding(table).execute(session, [_row(outgoing, now) for outgoing in records])


@cache  # one for each service of the process
def _adding(table: sa.Table) -> Insert:
    return Insert(table, ("topic", "key", "partition", "record", "created_at"))


def _row(outgoing: Publishable, now: datetime) -> tuple[Any, ...]:
    if outgoing.tombstone:
        raise ValueError("an outbox carries records, no tombstones")
    return (outgoing.topic, outgoing.ordering_key, outgoing.partition, outgoing.encoded(), now)
