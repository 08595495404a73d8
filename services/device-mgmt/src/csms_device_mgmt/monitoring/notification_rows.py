"""Rows of recorded messages."""

from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.sql import insert
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import Notification


async def add(session: AsyncSession, columns: dict[str, Any]) -> bool:
    """Record a message; False when this very record was recorded before."""
    statement = insert(session, Notification).values(**columns).on_conflict_do_nothing()
    added = await session.execute(statement.returning(Notification.record_id))
    return added.scalar() is not None


async def page(
    session: AsyncSession,
    station_id: str,
    *,
    limit: int,
    before: tuple[datetime, str] | None,
    action: str | None = None,
    most_bytes: int = MAX_PAGE_BYTES,
) -> Bounded:
    """Read up to `limit` messages, the newest first, those before (received_at, record_id)."""
    statement = select(Notification).where(Notification.station_id == station_id)
    if action is not None:
        statement = statement.where(Notification.action == action)
    if before is not None:
        statement = statement.where(tuple_(Notification.received_at, Notification.record_id) < before)
    order = (Notification.received_at.desc(), Notification.record_id.desc())
    size = Notification.size
    return await bounded.read(session, statement.order_by(*order), size, limit=limit, most_bytes=most_bytes)
