"""Times of changes by which others can follow a table: none comes later that is earlier than one that was seen.

Transactions commit out of order. So a change is given its time inside of its transaction, and who reads in the order of
these times stops before the oldest transaction that is still under way. On SQLite there is one writer at a time, which
has the database for itself before it looks at the clock: what is seen is settled.
"""

from datetime import UTC, datetime
from typing import cast

import sqlalchemy as sa
from csms_runtime.clock import utcnow
from sqlalchemy.ext.asyncio import AsyncSession

from csms_db.direct import Direct
from csms_db.sql import dialect_of

_NOW = "SELECT clock_timestamp()"
# PostgreSQL tells when a transaction began before it answers its BEGIN, so before `_NOW`. `statement_timestamp()` is
# earlier than the look at the others: what begins meanwhile is later. All processes of a service have one user.
_SETTLED = sa.text(
    "SELECT least(statement_timestamp(), min(xact_start)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = current_setting('application_name')"
    " AND pid <> pg_backend_pid()"
)


async def now_of(session: AsyncSession | Direct) -> datetime:
    """Return the time of what a write transaction changes. Ask inside of it, before the changes.

    It is the database's clock, where that is PostgreSQL: those of processes differ. Raises as every statement.
    """
    if isinstance(session, AsyncSession):
        if dialect_of(session) == "sqlite":
            return utcnow()
        return cast("datetime", await session.scalar(sa.text(_NOW))).astimezone(UTC)
    if session.dialect.name == "sqlite":
        return utcnow()
    return cast("datetime", (await session.fetch(_NOW, ()))[0][0]).astimezone(UTC)


async def settled_until(session: AsyncSession) -> datetime | None:
    """Return the moment before which nothing changes any more; None: all that can be seen is settled.

    Changes are those with times of `now_of`. Ask in the read transaction that reads them, and before.
    """
    if dialect_of(session) == "sqlite":
        return None
    return cast("datetime", await session.scalar(_SETTLED)).astimezone(UTC)
