"""Rows of recorded messages."""

from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.by_time import ByTime
from csms_db.sql import insert
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import Notification


async def add(session: AsyncSession, columns: dict[str, Any]) -> bool:
    """Record a message; False when this very record was recorded before."""
    statement = insert(session, Notification).values(**columns).on_conflict_do_nothing()
    added = await session.execute(statement.returning(Notification.record_id))
    return added.scalar() is not None


async def page(
    session: AsyncSession,
    station_id: str | None,
    *,
    limit: int,
    before: tuple[datetime, str] | None,
    action: str | None = None,
    site_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    most_bytes: int = MAX_PAGE_BYTES,
) -> Bounded:
    """Read up to `limit` messages, the newest first, those before (received_at, record_id). None: any."""
    table = Notification
    wanted = {"station_id": station_id, "action": action, "site_id": site_id}
    conditions = [getattr(table, name) == value for name, value in wanted.items() if value is not None]
    listed = ByTime(table.received_at, table.record_id, filtered=bool(conditions))
    if since is not None:
        conditions.append(listed.since(since))
    if until is not None:
        conditions.append(listed.until(until))
    statement = listed.page(select(table).where(*conditions), before)
    return await bounded.read(session, statement, table.size, limit=limit, most_bytes=most_bytes)
