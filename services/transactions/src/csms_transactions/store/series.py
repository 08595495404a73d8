"""Reads meter values of EVSEs, those of events and of MeterValues messages, in pieces of bounded size."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from csms_db.bounded import fitting
from csms_db.engine import Database
from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.spellings import spellings
from csms_transactions.store.tables import meter_values, transaction_events, transactions

PIECE_ROWS = 500
PIECE_BYTES = 1024 * 1024
"""A piece ends at the row with which it has so much."""
_MOST_TRANSACTIONS = 500
"""Of one EVSE in the time that is asked for; of more the newest."""
_LONGEST = timedelta(days=31)
"""A transaction that began earlier before the time is not looked for."""
_SPREAD = timedelta(hours=1)
"""The meter values of one message are of so much time at most, as a rule; messages are found by their first one's."""


class Span(NamedTuple):
    """A transaction."""

    key: str
    ended_at: datetime | None


class Piece(NamedTuple):
    """Some messages."""

    rows: Sequence[tuple[str | None, bytes]]
    """Protocol, and the payload as it is stored; None: a MeterValues message."""


async def known_as(session: AsyncSession, station_id: str) -> Sequence[str]:
    """Return how a station is spelled in what is stored."""
    return await spellings(session, station_id)


async def spans(
    session: AsyncSession, names: Sequence[str], evse_id: int | None, since: datetime, until: datetime
) -> list[Span]:
    """Return the transactions of an EVSE (None: of all of the station) in a time, the oldest first."""
    columns = transactions.c
    found = (
        select(columns.id, columns.ended_at)
        .where(
            columns.station_id.in_(names),
            columns.started_at < until,
            columns.started_at >= since - _LONGEST,
            or_(columns.ended_at.is_(None), columns.ended_at >= since),
            *([] if evse_id is None else [columns.evse_id == evse_id]),
        )
        .order_by(columns.started_at.desc())
        .limit(_MOST_TRANSACTIONS)
    )
    return [Span(*row) for row in reversed((await session.execute(found)).all())]


async def of_transaction(database: Database, key: str, since: datetime, until: datetime) -> AsyncIterator[Piece]:
    """Yield the events of a transaction that were in a time, in pieces."""
    columns = transaction_events.c
    seen: list[int] = [-(2**31)]
    while True:
        wanted = select(columns.seq_no, columns.protocol, columns.payload).where(
            columns.transaction == key,
            columns.seq_no > seen[0],
            columns.timestamp >= since - _SPREAD,
            columns.timestamp < until + _SPREAD,
        )
        rows = await _some(database, wanted.order_by(columns.seq_no), columns.payload)
        if not rows:
            return
        yield Piece([(protocol, payload) for _, protocol, payload in rows])
        seen = [rows[-1][0]]


async def of_evse(
    database: Database, names: Sequence[str], evse_id: int | None, since: datetime, until: datetime
) -> AsyncIterator[Piece]:
    """Yield the MeterValues messages of an EVSE (None: of all of the station) that were in a time, in pieces."""
    columns = meter_values.c
    place: ColumnElement[bool] = columns.station_id.in_(names)
    # EVSE 0 is the main meter: what it shows is not to be added to what the others show.
    place = and_(place, columns.evse_id > 0) if evse_id is None else and_(place, columns.evse_id == evse_id)
    after: tuple[datetime, str] | None = None
    while True:
        wanted = select(columns.timestamp, columns.id, columns.payload).where(
            place, columns.timestamp >= since - _SPREAD, columns.timestamp < until
        )
        if after is not None:
            wanted = wanted.where(tuple_(columns.timestamp, columns.id) > after)
        rows = await _some(database, wanted.order_by(columns.timestamp, columns.id), columns.payload)
        if not rows:
            return
        yield Piece([(None, payload) for _, _, payload in rows])
        after = rows[-1][0], rows[-1][1]


async def _some(database: Database, statement: Select[Any], payload: ColumnElement[bytes]) -> Sequence[Any]:
    async with database.reading() as session:
        sizes = await session.scalars(
            statement.with_only_columns(func.length(payload), maintain_column_froms=True).limit(PIECE_ROWS)
        )
        count = fitting(sizes.all(), PIECE_BYTES)
        return (await session.execute(statement.limit(count))).all() if count else []
