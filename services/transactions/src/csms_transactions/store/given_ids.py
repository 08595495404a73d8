"""Statements on `given_ids`: the ids that we give to transactions of OCPP 1.6.

An id comes of what the beginning says. So a database that was restored to an earlier moment finds the same ids again
when the records since then are read again: the ids that stations were told, and name in what they send later.
"""

from collections.abc import Collection
from datetime import datetime
from hashlib import blake2b

from csms_db.sql import insert
from csms_db.statements import Lookup
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.tables import given_ids

LEAST = 1 << 28
"""Smaller ids are of another CSMS that a station had before us: those count from 1."""
_BEYOND = 1 << 31
_KNOWN = Lookup((given_ids.c.beginning, given_ids.c.transaction_id), by=(given_ids.c.beginning,))


async def of(session: AsyncSession, dialect: str, beginnings: Collection[str], now: datetime) -> dict[str, int]:
    """Return the ids of transactions by the digests of their beginnings; those that have none get one.

    It takes one statement when all are known, else three, however many there are. Two processes never give one id to
    two beginnings, nor two ids to one.
    """
    known: dict[str, int] = dict(await _KNOWN.fetch(session, beginnings))
    attempt = 0
    # In one order everywhere, or two processes could wait for each other.
    while new := sorted(set(beginnings) - known.keys()):
        rows = [{"beginning": each, "transaction_id": candidate(each, attempt), "given_at": now} for each in new]
        await session.execute(insert(dialect)(given_ids).on_conflict_do_nothing(), rows)
        known |= dict(await _KNOWN.fetch(session, new))
        attempt += 1  # once in a few hundred transactions, if there are millions, another one has the id
    return known


def candidate(beginning: str, attempt: int) -> int:
    """Return the id that a beginning gets unless another one has it: 32 bit, positive, at least LEAST."""
    digest = blake2b(f"{beginning} {attempt}".encode(), digest_size=8).digest()
    return LEAST + int.from_bytes(digest, "big") % (_BEYOND - LEAST)


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Forget up to `limit` beginnings from before that moment, the oldest first; return how many there were.

    A StartTransaction that is repeated later than that gets the same id, unless another one has it by then.
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
