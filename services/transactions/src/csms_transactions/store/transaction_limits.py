"""Statements on `transaction_limits`: limits that callers set for running transactions (OCPP 2.1, E16)."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from csms_db.direct import Direct
from csms_db.sql import insert
from csms_db.statements import Lookup, Update
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.tables import transaction_limits


class Wanted(NamedTuple):
    """The limits that somebody wants a transaction to have."""

    transaction: str
    """Our id of it."""
    number: int
    """The how-manieth change it is."""
    limit: Mapping[str, float]
    """OCPP 2.1's TransactionLimitType."""
    told_seq_no: int | None = None
    """The event whose answer had it; None: the station was not told yet."""

    def goes_with(self, seq_no: int) -> bool:
        """Whether the answer to an event has it: once (E16.FR.02), and again when the event is repeated."""
        return self.told_seq_no in {None, seq_no}


class Told(NamedTuple):
    """That the answer to an event has a limit."""

    transaction: str
    number: int
    told_seq_no: int
    told_at: datetime


class Shown(NamedTuple):
    """A limit as the API shows it."""

    limit: Mapping[str, float]
    set_by: str
    set_at: datetime
    told_at: datetime | None


_NAMED = Lookup(
    [transaction_limits.c[name] for name in ("named", "transaction", "number", "transaction_limit", "told_seq_no")],
    by=(transaction_limits.c.named,),
)
_TELL = Update(transaction_limits, by=("transaction", "number"), names=("told_seq_no", "told_at"))


async def put(  # noqa: PLR0917 - as many as there are columns
    session: AsyncSession, dialect: str, key: str, named: str, limit: Mapping[str, float], by: str, at: datetime
) -> None:
    """Store the limits of a transaction in place of earlier ones; the answer to its next event tells them.

    `named`: the key of the first transaction that had its transactionId.
    """
    columns = transaction_limits.c
    new = {"transaction_limit": dict(limit), "set_by": by, "set_at": at, "told_seq_no": None, "told_at": None}
    statement = insert(dialect)(transaction_limits).values(transaction=key, named=named, number=1, **new)
    changed = {**new, "number": columns.number + 1}
    await session.execute(statement.on_conflict_do_update(index_elements=["transaction"], set_=changed))


async def of_named(session: AsyncSession | Direct, named: Collection[str]) -> Mapping[str, list[Wanted]]:
    """Return the limits of transactions by the key of the first one with their transactionId."""
    found: dict[str, list[Wanted]] = {}
    for name, *wanted in await _NAMED.fetch(session, named):
        found.setdefault(name, []).append(Wanted(*wanted))
    return found


async def tell(session: AsyncSession | Direct, told: Iterable[Told]) -> None:
    """Note that answers have limits; one that was changed meanwhile is still to be told."""
    rows = sorted(told)
    if rows:
        await _TELL.execute(session, rows)


async def shown(session: AsyncSession, key: str) -> Shown | None:
    """Return what was set for a transaction; None: nothing was."""
    columns = transaction_limits.c
    statement = select(columns.transaction_limit, columns.set_by, columns.set_at, columns.told_at)
    row = (await session.execute(statement.where(columns.transaction == key))).one_or_none()
    return None if row is None else Shown(*row)
