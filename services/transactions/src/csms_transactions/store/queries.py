"""Reads for the HTTP API: pages by key, never by count or offset."""

from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.packed import size_of
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Subquery,
    Table,
    func,
    literal,
    null,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.tables import conflicting_events, meter_values, transaction_events, transactions

Row = RowMapping


async def get(session: AsyncSession, key: str) -> Row | None:
    """Return the transaction with our id `key`, if it exists."""
    result = await session.execute(select(transactions).where(transactions.c.id == key))
    return result.mappings().one_or_none()


async def last_protocol(session: AsyncSession, key: str) -> str | None:
    """Return the version of OCPP that told of a transaction last."""
    columns = transaction_events.c
    newest = select(columns.protocol).where(columns.transaction == key).order_by(columns.seq_no.desc()).limit(1)
    found: str | None = await session.scalar(newest)
    return found


async def events(session: AsyncSession, key: str, *, after: tuple[int, int] | None, limit: int) -> Bounded:
    """Read up to `limit` events of a transaction in seqNo order, those in conflict after the one they differ from.

    `after`: the seqNo and number of the last one already seen; the number of one that is not in conflict is -1.
    """
    # The first rows of each table are chosen before the two are united: a transaction may have very many.
    first = (_first(table, key, after, limit + 1) for table in (transaction_events, conflicting_events))
    both = union_all(*(select(some) for some in first)).subquery()
    return await _bounded(session, select(both).order_by(both.c.seq_no, both.c.number), both.c.payload, limit)


def _first(table: Table, key: str, after: tuple[int, int] | None, limit: int) -> Subquery:
    names = [column.name for column in transaction_events.c if column.name != "facts"]
    number = table.c.number if "number" in table.c else literal(-1)
    place = table.c.seq_no, number
    statement = select(*(table.c[name] for name in names), number.label("number")).where(table.c.transaction == key)
    if after is not None:
        # The second condition is exact. The first one lets the database search the index.
        statement = statement.where(table.c.seq_no >= after[0], tuple_(*place) > after)
    return statement.order_by(*place).limit(limit).subquery()


async def measured(session: AsyncSession, key: str, *, after: tuple[datetime, str] | None, limit: int) -> Bounded:
    """Read up to `limit` MeterValues messages that belong to a transaction, the oldest first."""
    columns = meter_values.c
    statement = select(meter_values).where(columns.transaction == key)
    if after is not None:
        statement = statement.where(tuple_(columns.timestamp, columns.id) > after)
    return await _bounded(session, statement.order_by(columns.timestamp, columns.id), columns.payload, limit)


_NEWEST = 4
_NEWEST_BYTES = 512 * 1024


async def newest_messages(session: AsyncSession, key: str) -> list[tuple[str | None, bytes]]:
    """Return the newest events of a transaction and its newest MeterValues messages, few of each, if they are not huge.

    Of each the protocol (None: a MeterValues message) and the payload as it is stored.
    """
    events, values = transaction_events.c, meter_values.c
    newest = (
        select(events.protocol, events.payload).where(events.transaction == key).order_by(events.seq_no.desc()),
        select(null().label("protocol"), values.payload)
        .where(values.transaction == key)
        .order_by(values.timestamp.desc()),
    )
    found: list[tuple[str | None, bytes]] = []
    for statement in newest:
        rows = statement.limit(_NEWEST).subquery()
        small = select(rows).where(func.length(rows.c.payload) < _NEWEST_BYTES)
        found += [(row.protocol, row.payload) for row in await session.execute(small)]
    return found


async def station_meter_values(
    session: AsyncSession,
    station_id: str,
    *,
    evse_id: int | None,
    since: datetime | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Bounded:
    """Read up to `limit` MeterValues messages of a station, the newest first."""
    columns = meter_values.c
    conditions = [columns.station_id == station_id, *_given(columns.evse_id, evse_id)]
    if since is not None:
        conditions.append(columns.timestamp >= since)
    if after is not None:
        conditions.append(tuple_(columns.timestamp, columns.id) < after)
    statement = select(meter_values).where(*conditions)
    newest = statement.order_by(columns.timestamp.desc(), columns.id.desc())
    return await _bounded(session, newest, columns.payload, limit)


async def _bounded(session: AsyncSession, statement: Select[Any], payload: ColumnElement[Any], limit: int) -> Bounded:
    """Read rows with packed payloads: no more than an answer may hold, packed and unpacked."""
    found = await bounded.read(
        session, statement, func.length(payload), limit=limit, most_bytes=MAX_PAGE_BYTES, mappings=True
    )
    count = bounded.fitting((size_of(row["payload"]) for row in found.rows), MAX_PAGE_BYTES)
    return Bounded(found.rows[:count], found.more or count < len(found.rows))


def _given(column: ColumnElement[Any], value: object) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]
