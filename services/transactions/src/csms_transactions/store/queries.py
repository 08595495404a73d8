"""Reading for the HTTP API: pages by key, never by count or offset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.newest import NewestFirst
from csms_db.packed import size_of
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import ColumnElement, RowMapping, Select, Subquery, Table, func, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.transaction import State
from csms_transactions.store.rows import token_key
from csms_transactions.store.spellings import spellings
from csms_transactions.store.tables import conflicting_events, meter_values, transaction_events, transactions

Row = RowMapping


@dataclass(frozen=True, slots=True)
class Filter:
    """Which transactions; None: any."""

    station_id: str | None = None
    """In any case."""
    transaction_id: str | None = None
    """The station's id of it; case does not matter."""
    state: str | None = None
    id_token: str | None = None
    """The token it belongs to; case does not matter (C01.FR.25)."""
    started_since: datetime | None = None
    """Started then or later."""
    started_until: datetime | None = None
    """Started before."""
    updated_since: datetime | None = None
    """Changed then or later; the list is in the order of changes then."""


async def find(
    session: AsyncSession, filters: Filter, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Row]:
    """Up to `limit` transactions, the newest first, or those first that were changed last.

    `after`: start time, or time of the change, and id of the last one already seen.
    """
    conditions = _conditions(filters)
    if filters.station_id is not None:
        conditions.append(_of_station(await spellings(session, filters.station_id)))
    if filters.updated_since is not None:
        statement = _changed(filters, conditions, filters.updated_since, after, limit)
    else:
        if filters.state is not None:
            conditions.append(transactions.c.state == filters.state)
        listed = NewestFirst(transactions.c.started_at, transactions.c.id, filtered=bool(conditions))
        statement = listed.page(select(transactions).where(*conditions, *_started(listed, filters)), after)
    rows: Sequence[Row] = (await session.execute(statement.limit(limit))).mappings().all()
    return rows


def _changed(
    filters: Filter,
    conditions: list[ColumnElement[bool]],
    since: datetime,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Select[Any]:
    """Those that have ended are found by an index of their own, the running ones among the running ones."""
    columns = transactions.c
    # Times of the start have the same index as the list of all, so that they need no other.
    filtered = bool(conditions)
    conditions = [*conditions, *_started(NewestFirst(columns.started_at, columns.id, filtered=filtered), filters)]
    running = NewestFirst(columns.updated_at, columns.id, filtered=True)
    ended = NewestFirst(columns.ended_updated_at, columns.id, filtered=filtered)
    parts = {
        State.ACTIVE: running.page(
            _since(running, since, conditions).where(columns.state == State.ACTIVE.value), after
        ),
        State.ENDED: ended.page(_since(ended, since, conditions), after),
    }
    wanted = [State(filters.state)] if filters.state is not None else list(parts)
    found = union_all(*(select(parts[state].limit(limit).subquery()) for state in wanted)).subquery()
    return select(found).order_by(found.c.updated_at.desc(), found.c.id.desc())


def _since(listed: NewestFirst, since: datetime, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    return select(transactions).where(listed.since(since), *conditions)


def _started(listed: NewestFirst, filters: Filter) -> list[ColumnElement[bool]]:
    found = []
    if filters.started_since is not None:
        found.append(listed.since(filters.started_since))
    if filters.started_until is not None:
        found.append(listed.until(filters.started_until))
    return found


async def get(session: AsyncSession, key: str) -> Row | None:
    """One transaction by our id."""
    result = await session.execute(select(transactions).where(transactions.c.id == key))
    return result.mappings().one_or_none()


async def events(session: AsyncSession, key: str, *, after: tuple[int, int] | None, limit: int) -> Bounded:
    """Read up to `limit` events of a transaction in seqNo order, those in conflict after the one they differ from.

    `after`: the seqNo and number of the last one already seen; the number of one that is not in conflict is -1.
    """
    # The first of each are chosen before they are put together: a transaction may have any number of them.
    first = (_first(table, key, after, limit + 1) for table in (transaction_events, conflicting_events))
    both = union_all(*(select(some) for some in first)).subquery()
    return await _bounded(session, select(both).order_by(both.c.seq_no, both.c.number), both.c.payload, limit)


def _first(table: Table, key: str, after: tuple[int, int] | None, limit: int) -> Subquery:
    names = [column.name for column in transaction_events.c if column.name != "facts"]
    number = table.c.number if "number" in table.c else literal(-1)
    place = table.c.seq_no, number
    statement = select(*(table.c[name] for name in names), number.label("number")).where(table.c.transaction == key)
    if after is not None:
        # Beside it what an index can be searched for.
        statement = statement.where(table.c.seq_no >= after[0], tuple_(*place) > after)
    return statement.order_by(*place).limit(limit).subquery()


async def measured(session: AsyncSession, key: str, *, after: tuple[datetime, str] | None, limit: int) -> Bounded:
    """Read up to `limit` MeterValues messages that belong to a transaction, the oldest first."""
    columns = meter_values.c
    statement = select(meter_values).where(columns.transaction == key)
    if after is not None:
        statement = statement.where(tuple_(columns.timestamp, columns.id) > after)
    return await _bounded(session, statement.order_by(columns.timestamp, columns.id), columns.payload, limit)


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


def _conditions(filters: Filter) -> list[ColumnElement[bool]]:
    """The filters' conditions, but for state and time."""
    columns = transactions.c
    found: list[ColumnElement[bool]] = []
    if filters.transaction_id is not None:
        found.append(columns.transaction_id_key == filters.transaction_id.casefold())
    if filters.id_token is not None:
        found.append(columns.id_token_key == token_key(filters.id_token))
    return found


def _of_station(names: Sequence[str]) -> ColumnElement[bool]:
    column = transactions.c.station_id
    return column == names[0] if len(names) == 1 else column.in_(names)  # the first reads an index in order


def _given(column: ColumnElement[Any], value: object) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]
