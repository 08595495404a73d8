"""Rows of messages that could not be taken."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import RefusedMessage


async def add(session: AsyncSession, columns: dict[str, Any]) -> None:
    """Record it; the same record twice is kept once."""
    await session.execute(insert(session, RefusedMessage).values(**columns).on_conflict_do_nothing())


async def page(
    session: AsyncSession, station_id: str, *, limit: int, before: tuple[datetime, str] | None
) -> Sequence[RefusedMessage]:
    """Return up to `limit` of a station, the newest first, those before (received_at, record_id)."""
    table = RefusedMessage
    statement = select(table).where(table.station_id == station_id)
    if before is not None:
        statement = statement.where(tuple_(table.received_at, table.record_id) < before)
    order = (table.received_at.desc(), table.record_id.desc())
    return (await session.scalars(statement.order_by(*order).limit(limit))).all()
