"""Statements on `given_ids` and `last_given_id`: the ids that we give to transactions of OCPP 1.6."""

from collections.abc import Collection
from datetime import UTC, datetime

from csms_db.sql import insert
from csms_db.statements import Lookup
from sqlalchemy import case, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.tables import given_ids, last_given_id

_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
_ONLY = 1
_KNOWN = Lookup((given_ids.c.beginning, given_ids.c.transaction_id), by=(given_ids.c.beginning,))


async def of(session: AsyncSession, dialect: str, beginnings: Collection[str], now: datetime) -> dict[str, int]:
    """Return the ids of transactions by the digests of their beginnings; those that have none get one.

    It takes one statement when all are known, else four, however many there are. Two processes never give one id twice,
    nor two ids to one beginning.
    """
    known: dict[str, int] = dict(await _KNOWN.fetch(session, beginnings))
    new = [beginning for beginning in beginnings if beginning not in known]
    if not new:
        return known
    first = await _take(session, dialect, len(new), now)
    rows = [
        {"beginning": beginning, "transaction_id": first + number, "given_at": now}
        for number, beginning in enumerate(new)
    ]
    await session.execute(insert(dialect)(given_ids).on_conflict_do_nothing(index_elements=["beginning"]), rows)
    return known | dict(await _KNOWN.fetch(session, new))


async def _take(session: AsyncSession, dialect: str, count: int, now: datetime) -> int:
    """Return the first of so many ids never given before: positive, 32 bit.

    It is at least the number of seconds since 2025, so that a restored backup does not give ids again, and ids are
    none of those that another CSMS gave before us, which are small. Whoever takes some waits for the others' commits.
    """
    last = last_given_id.c.last_id
    before = int((now - _EPOCH).total_seconds())
    statement = insert(dialect)(last_given_id).values(only=_ONLY, last_id=before + count)
    following = case((last >= before, last + count), else_=before + count)
    statement = statement.on_conflict_do_update(index_elements=["only"], set_={"last_id": following})
    return int((await session.execute(statement.returning(last))).scalar_one()) - count + 1


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Forget up to `limit` beginnings from before that moment, the oldest first; return how many there were.

    Their ids are not given again. A StartTransaction that is repeated later than that is another transaction.
    """
    chosen = (
        select(given_ids.c.beginning)
        .where(given_ids.c.given_at < before)
        .order_by(given_ids.c.given_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(chosen)).all()
    await session.execute(delete(given_ids).where(given_ids.c.beginning.in_(found)))
    return len(found)
