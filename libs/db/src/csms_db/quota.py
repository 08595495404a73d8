"""Tables of what is kept for people to look at: bounded in bytes, for each owner and for all, the newest first."""

from typing import Any, cast

import sqlalchemy as sa

from csms_db.engine import WriteSession


async def trim(
    session: WriteSession, table: sa.Table, owner: sa.ColumnElement[Any], most_per_owner: int, most: int
) -> int:
    """Delete the oldest rows beyond `most_per_owner` bytes of one owner and `most` of all; returns how many.

    The table has the columns `id`, which grows, and `size`, in bytes.
    """
    newest_first = table.c.id.desc()
    of_owner = sa.func.sum(table.c.size).over(partition_by=owner, order_by=newest_first)
    of_all = sa.func.sum(table.c.size).over(order_by=newest_first)
    return await _beyond(session, table, of_owner, most_per_owner) + await _beyond(session, table, of_all, most)


async def _beyond(session: WriteSession, table: sa.Table, total: sa.ColumnElement[Any], most: int) -> int:
    totals = sa.select(table.c.id, total.label("total")).subquery()
    ids = sa.select(totals.c.id).where(totals.c.total > most)
    done = await session.execute(sa.delete(table).where(table.c.id.in_(ids)))
    return cast("sa.CursorResult[Any]", done).rowcount
