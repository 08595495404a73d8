"""Keeps what was asked for over the HTTP APIs."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.engine import WriteSession
from csms_db.sql import insert
from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.store.api_tables import audit

ROW_BYTES = 1_000
"""What an entry takes in an answer, without path and body, about."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry."""

    record_id: str
    occurred_at: datetime
    service: str
    principal: str | None
    """None: refused, nobody knows whose it was."""
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
    query = select(audit).where(*_conditions(wanted))
    if after is not None:
        moment, record_id = after
        query = query.where(
            or_(columns.occurred_at < moment, (columns.occurred_at == moment) & (columns.record_id < record_id))
        )
    query = query.order_by(columns.occurred_at.desc(), columns.record_id.desc())
    size = ROW_BYTES + func.length(columns.path) + func.coalesce(func.length(columns.request), 0)
    found = await bounded.read(session, query, size, limit=limit, most_bytes=most_bytes, mappings=True)
    return found._replace(rows=[AuditRow(**row) for row in found.rows])


async def forget(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` entries that are older, and return how many."""
    oldest = (
        select(audit.c.record_id)
        .where(audit.c.occurred_at < before)
        .order_by(audit.c.occurred_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    done = await session.execute(delete(audit).where(audit.c.record_id.in_(oldest)).returning(audit.c.record_id))
    return len(done.all())


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    columns = audit.c
    found: list[ColumnElement[bool]] = []
    if wanted.principal is not None:
        found.append(columns.principal == wanted.principal)
    if wanted.path is not None:
        # Not LIKE: SQLite's takes no notice of case, which matters in station ids.
        found.append(func.substr(columns.path, 1, len(wanted.path)) == wanted.path)
    if wanted.since is not None:
        found.append(columns.occurred_at >= wanted.since)
    if wanted.until is not None:
        found.append(columns.occurred_at < wanted.until)
    return found
