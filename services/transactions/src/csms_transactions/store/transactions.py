"""Statements on `transactions` while events are handled."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from csms_db.bulk import Bulk
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.transaction import Transaction
from csms_transactions.store.rows import COLUMNS, COURSE_COLUMNS, from_row, same_facts, to_course_row, to_row
from csms_transactions.store.tables import transactions


class Identity(NamedTuple):
    """Which transaction a row is."""

    key: str
    station_id: str
    transaction_id: str


class Change(NamedTuple):
    """A stored transaction and what it became."""

    key: str
    before: Transaction
    after: Transaction


class Group(NamedTuple):
    """The group auth says a transaction's token belongs to."""

    key: str
    value: str
    type: str


_LOADED = ("id", *COLUMNS)
_LOAD = (
    select(*(transactions.c[name] for name in _LOADED))
    .where(transactions.c.id.in_(bindparam("keys", expanding=True)))
    .order_by(transactions.c.id)  # one order of locking, so that two processes cannot wait for each other
    .with_for_update()  # SQLite leaves it out: its writers exclude each other anyway
)
_UPDATE = update(transactions).where(transactions.c.id == bindparam("key"))
_UPDATE_COURSE = Bulk(_UPDATE, (*COURSE_COLUMNS, "updated_at", "key"))
_SET_GROUP = (
    update(transactions)
    .where(transactions.c.id == bindparam("key"))
    .values(group_id_token=bindparam("value"), group_id_token_type=bindparam("type"))
)


async def load(session: AsyncSession, keys: Iterable[str]) -> dict[str, Transaction]:
    """The stored transactions among `keys`, locked until the end of the database transaction."""
    result = await session.execute(_LOAD, {"keys": sorted(keys)})
    return {row[0]: from_row(dict(zip(_LOADED, row, strict=True))) for row in result}


async def create(session: AsyncSession, new: Mapping[Identity, Transaction], at: datetime) -> None:
    """Insert. Raises IntegrityError when another process was faster; the batch is then to be tried again."""
    rows = [_new_row(identity, transaction, at) for identity, transaction in new.items()]
    if rows:
        await session.execute(insert(transactions), rows)


async def save(session: AsyncSession, changes: Sequence[Change], at: datetime) -> None:
    """Write what changed in stored transactions; the usual meter value changes only a few columns."""
    narrow: list[tuple[Any, ...]] = []
    wide: list[dict[str, Any]] = []
    for key, before, after in changes:
        if same_facts(before, after):
            narrow.append((*to_course_row(after), at, key))
        else:
            wide.append({**to_row(after), "key": key, "updated_at": at})
    await _UPDATE_COURSE.execute(session, narrow)
    if wide:
        await session.execute(_UPDATE, wide)


async def set_groups(session: AsyncSession, groups: Sequence[Group]) -> None:
    """Note the groups that auth named."""
    if groups:
        await session.execute(_SET_GROUP, [group._asdict() for group in groups])


def _new_row(identity: Identity, transaction: Transaction, at: datetime) -> dict[str, Any]:
    return {
        **to_row(transaction),
        "id": identity.key,
        "station_id": identity.station_id,
        "transaction_id": identity.transaction_id,
        "updated_at": at,
    }
