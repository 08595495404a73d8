"""Tables of what is kept for people to look at: bounded in bytes, for each owner and for all, the newest first."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from csms_db.engine import WriteSession

_STEP_ROWS = 500


async def trim(
    session: WriteSession,
    table: sa.Table,
    owner: sa.ColumnElement[Any],
    owners: Collection[Any],
    *,
    most_per_owner: int,
    most: int,
) -> int:
    """Delete the oldest rows beyond `most_per_owner` bytes of each of these owners and `most` of all; returns how many.

    `owners` are those that rows were added of. The table has the columns `id`, which grows, and `size`, in bytes.
    """
    size = sa.func.sum(table.c.size)
    sizes = sa.select(owner, size).where(owner.in_(owners)).group_by(owner).having(size > most_per_owner)
    dropped = 0
    for name, total in (await session.execute(sizes)).all():
        dropped += await _drop_oldest(session, table, owner == name, total - most_per_owner)
    of_all = await session.scalar(sa.select(size)) or 0
    return dropped + await _drop_oldest(session, table, sa.true(), of_all - most)


async def _drop_oldest(session: WriteSession, table: sa.Table, which: sa.ColumnElement[bool], excess: int) -> int:
    """Delete the oldest of some rows until they are smaller by `excess`: costs what it deletes, not what is kept."""
    dropped = 0
    oldest = sa.select(table.c.id, table.c.size).where(which).order_by(table.c.id).limit(_STEP_ROWS)
    while excess > 0:
        ids = []
        for number, size in (await session.execute(oldest)).all():
            if excess <= 0:
                break
            ids.append(number)
            excess -= size
        if not ids:
            break
        await session.execute(sa.delete(table).where(table.c.id.in_(ids)))
        dropped += len(ids)
    return dropped
