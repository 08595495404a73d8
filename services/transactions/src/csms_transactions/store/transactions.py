"""Statements on `transactions` while events are handled."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from csms_db.base import UtcDateTime
from csms_db.direct import Direct
from csms_db.statements import Insert, Lookup, Update
from sqlalchemy import Integer, String, column, select, values
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.identity import Identity, Spot, transaction_key
from csms_transactions.domain.transaction import State, Transaction
from csms_transactions.store.rows import (
    COLUMNS,
    COURSE_COLUMNS,
    WIDE_COLUMNS,
    from_row,
    in_wide_order,
    same_facts,
    to_course_row,
    to_row,
)
from csms_transactions.store.tables import transactions


class Change(NamedTuple):
    """A stored transaction and what it became."""

    key: str
    before: Transaction
    after: Transaction


class Newest(NamedTuple):
    """The newest transaction with a transactionId."""

    key: str
    state: str
    updated_at: datetime


class OutdatedError(Exception):
    """Another process stored events of a transaction meanwhile (a rebalance)."""


_LOADED = ("id", *COLUMNS)
_LOAD = Lookup([transactions.c[name] for name in _LOADED], by=[transactions.c.id], for_update=True)
_EXISTING = Lookup([transactions.c.id], by=[transactions.c.id])
_VERSION = ("id", "revision")
_TIMES = ("updated_at", "ended_updated_at")
_UPDATE_COURSE = Update(transactions, by=_VERSION, names=(*_TIMES, *COURSE_COLUMNS))
_UPDATE_ALL = Update(transactions, by=_VERSION, names=(*_TIMES, *WIDE_COLUMNS))
_CREATE = Insert(transactions, ("id", "station_id", "transaction_id", "transaction_id_key", *_TIMES, *WIDE_COLUMNS))


async def load(session: AsyncSession | Direct, keys: Collection[str]) -> dict[str, Transaction]:
    """Return the stored transactions among `keys`. Their rows are locked until the database transaction ends."""
    rows = await _LOAD.fetch(session, keys)
    return {row[0]: from_row(dict(zip(_LOADED, row, strict=True))) for row in rows}


async def existing(session: AsyncSession, keys: Collection[str]) -> set[str]:
    """Return those of these keys that are stored."""
    return {key for (key,) in await _EXISTING.fetch(session, keys)}


async def newest(session: AsyncSession, first: str) -> Newest | None:
    """Return the newest transaction with a transactionId. `first`: the key of the first transaction that had it."""
    columns = transactions.c
    statement = select(columns.id, columns.state, columns.updated_at, columns.reuses).add_columns(
        columns.station_id, columns.transaction_id
    )
    row = (await session.execute(statement.where(columns.id == first))).one_or_none()
    if row is not None and row.reuses:
        key = transaction_key(row.station_id, row.transaction_id, row.reuses)
        row = (await session.execute(statement.where(columns.id == key))).one_or_none()
    return None if row is None else Newest(row.id, row.state, row.updated_at)


async def identity(session: AsyncSession, key: str) -> Identity:
    """Return the identity of a stored transaction. Raises NoResultFound."""
    columns = transactions.c
    statement = select(columns.id, columns.station_id, columns.transaction_id).where(columns.id == key)
    return Identity(*(await session.execute(statement)).one())


async def at_spots(session: AsyncSession, spots: Collection[Spot]) -> dict[Spot, Identity]:
    """Return, for each EVSE and time, the transaction that had begun last by then. It may have ended before."""
    if not spots:
        return {}
    given = values(column("station_id", String), column("evse_id", Integer), column("at", UtcDateTime), name="given")
    spot = given.data(list(spots)).cte("spot")
    begun = transactions.alias("begun").c
    newest = (
        select(begun.id)
        .where(begun.station_id == spot.c.station_id, begun.evse_id == spot.c.evse_id, begun.started_at <= spot.c.at)
        .order_by(begun.started_at.desc(), begun.id.desc())
        .limit(1)
        .correlate(spot)
        .scalar_subquery()
    )
    columns = transactions.c
    both = spot.join(transactions, columns.id == newest)
    found = select(spot, columns.id, columns.station_id, columns.transaction_id).select_from(both)
    return {Spot(*row[:3]): Identity(*row[3:]) for row in await session.execute(found)}


async def create(session: AsyncSession | Direct, new: Mapping[Identity, Transaction], at: datetime) -> None:
    """Insert. Raises an IntegrityError when another process was faster: then the batch must be tried again."""
    rows = [
        (*identity, identity.transaction_id.casefold(), *_times(transaction, at), *in_wide_order(to_row(transaction)))
        for identity, transaction in new.items()
    ]
    await _CREATE.execute(session, rows)


def _times(transaction: Transaction, at: datetime) -> tuple[datetime, datetime | None]:
    return at, at if transaction.state is State.ENDED else None


async def save(session: AsyncSession | Direct, changes: Sequence[Change], at: datetime) -> None:
    """Write what changed in stored transactions. Most events change only a few columns.

    Raises OutdatedError when a row was changed since it was as in `before`.
    """
    narrow: list[tuple[Any, ...]] = []
    wide: list[tuple[Any, ...]] = []
    for key, before, after in changes:
        if same_facts(before, after):
            narrow.append((key, before.revision, *_times(after, at), *to_course_row(after)))
        else:
            wide.append((key, before.revision, *_times(after, at), *in_wide_order(to_row(after))))
    written = await _UPDATE_COURSE.execute(session, narrow) + await _UPDATE_ALL.execute(session, wide)
    if written != len(changes):
        raise OutdatedError(f"{len(changes) - written} transactions were changed by another process")
