"""Reading for the HTTP API: pages by key, never by count or offset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.rows import token_key
from csms_transactions.store.tables import meter_values, transaction_events, transactions

Row = RowMapping


@dataclass(frozen=True, slots=True)
class Filter:
    """Which transactions; None: any."""

    station_id: str | None = None
    transaction_id: str | None = None
    """The station's id of it."""
    state: str | None = None
    id_token: str | None = None
    """The token that started it; case does not matter (C01.FR.25)."""
    since: datetime | None = None
    """Started then or later."""


async def find(
    session: AsyncSession, filters: Filter, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Row]:
    """Up to `limit` transactions, the newest first; `after`: start time and id of the last one already seen."""
    statement = select(transactions).where(*_conditions(filters))
    if after is not None:
        statement = statement.where(tuple_(transactions.c.started_at, transactions.c.id) < after)
    statement = statement.order_by(transactions.c.started_at.desc(), transactions.c.id.desc()).limit(limit)
    return (await session.execute(statement)).mappings().all()


async def get(session: AsyncSession, key: str) -> Row | None:
    """One transaction by our id."""
    result = await session.execute(select(transactions).where(transactions.c.id == key))
    return result.mappings().one_or_none()


async def events(session: AsyncSession, key: str, *, after: int | None, limit: int) -> Sequence[Row]:
    """Up to `limit` events of a transaction in seqNo order; `after`: the last seqNo already seen."""
    table = transaction_events
    statement = select(table).where(table.c.transaction == key)
    if after is not None:
        statement = statement.where(table.c.seq_no > after)
    result = await session.execute(statement.order_by(table.c.seq_no).limit(limit))
    return result.mappings().all()


async def station_meter_values(
    session: AsyncSession,
    station_id: str,
    *,
    evse_id: int | None,
    since: datetime | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Row]:
    """Up to `limit` MeterValues messages of a station, the newest first."""
    columns = meter_values.c
    conditions = [columns.station_id == station_id, *_given(columns.evse_id, evse_id)]
    if since is not None:
        conditions.append(columns.timestamp >= since)
    if after is not None:
        conditions.append(tuple_(columns.timestamp, columns.id) < after)
    statement = select(meter_values).where(*conditions)
    statement = statement.order_by(columns.timestamp.desc(), columns.id.desc()).limit(limit)
    return (await session.execute(statement)).mappings().all()


def _conditions(filters: Filter) -> list[ColumnElement[bool]]:
    columns = transactions.c
    found = [
        *_given(columns.station_id, filters.station_id),
        *_given(columns.transaction_id, filters.transaction_id),
        *_given(columns.state, filters.state),
    ]
    if filters.id_token is not None:
        found.append(columns.id_token_key == token_key(filters.id_token))
    if filters.since is not None:
        found.append(columns.started_at >= filters.since)
    return found


def _given(column: ColumnElement[Any], value: object) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]
