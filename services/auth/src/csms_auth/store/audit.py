"""Keeps what was asked for over the HTTP APIs."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from csms_db import bounded
from csms_db.base import UtcDateTime
from csms_db.bounded import Bounded
from csms_db.by_time import ByTime
from csms_db.engine import WriteSession
from csms_db.sql import apart, begins_with, insert
from sqlalchemy import ColumnElement, delete, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.store.api_tables import audit

_FEW = 20_000
ROW_BYTES = 1_000
"""About so many bytes an entry takes in an answer, without path and body."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry."""

    record_id: str
    occurred_at: datetime
    service: str
    principal: str | None
    """None: nobody knows who it was, and the request was refused."""
    authentication: str | None
    remote_address: str
    method: str
    path: str
    route: str
    status: int
    request_id: str
    request: bytes | None
    """JSON."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; None: any."""

    principal: str | None = None
    path: str | None = None
    """What the path begins with."""
    since: datetime | None = None
    until: datetime | None = None


async def add(session: WriteSession, rows: Collection[AuditRow]) -> None:
    """Store entries; those that are stored already stay as they are."""
    if rows:
        statement = insert(session, audit).on_conflict_do_nothing(index_elements=[audit.c.record_id])
        await session.execute(statement, [asdict(row) for row in rows])


async def page(
    session: AsyncSession, wanted: Filter, *, limit: int, most_bytes: int, after: tuple[datetime, str] | None
) -> Bounded:
    """Return up to `limit` entries (`AuditRow`), the newest first, those behind `after` (occurred_at, record_id).

    They have `most_bytes` together at most, unless the first alone has more.
    """
    columns = audit.c
    filtered = wanted.principal is not None or (wanted.path is not None and await _has_few(session, wanted.path))
    listed = ByTime(columns.occurred_at, columns.record_id, filtered=filtered)
    query = listed.page(select(audit).where(*_conditions(wanted, listed)), after)
    size = ROW_BYTES + func.length(columns.path) + func.coalesce(func.length(columns.request), 0)
    found = await bounded.read(session, query, size, limit=limit, most_bytes=most_bytes, mappings=True)
    return found._replace(rows=[AuditRow(**row) for row in found.rows])


async def forget(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` entries that are older, and return how many."""
    oldest_first = apart(audit.c.occurred_at)  # as in the index
    oldest = (
        select(audit.c.record_id)
        .where(oldest_first < apart(literal(before, UtcDateTime())))
        .order_by(oldest_first)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    done = await session.execute(delete(audit).where(audit.c.record_id.in_(oldest)).returning(audit.c.record_id))
    return len(done.all())


async def _has_few(session: AsyncSession, path: str) -> bool:
    """Whether entries of this path are so few that all of them may be read and sorted.

    Else there are so many that those wanted are soon found among the newest. Either has an index.
    """
    some = select(audit.c.record_id).where(begins_with(audit.c.path, path)).limit(_FEW + 1).subquery()
    return (await session.scalar(select(func.count()).select_from(some)) or 0) <= _FEW


def _conditions(wanted: Filter, listed: ByTime) -> list[ColumnElement[bool]]:
    columns = audit.c
    found: list[ColumnElement[bool]] = []
    if wanted.principal is not None:
        found.append(columns.principal == wanted.principal)
    if wanted.path is not None:
        found.append(begins_with(columns.path, wanted.path))
    if wanted.since is not None:
        found.append(listed.since(wanted.since))
    if wanted.until is not None:
        found.append(listed.until(wanted.until))
    return found
