"""Keeps the bars: stations for which nothing is signed."""

from collections.abc import Sequence
from dataclasses import asdict

from csms_db.engine import WriteSession
from csms_db.sql import insert
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.domain.certificates import Bar
from csms_auth.store.tables import certificate_bars


async def add(session: WriteSession, bar: Bar) -> None:
    """Store a bar. One that is there already stays as it is."""
    statement = insert(session, certificate_bars).values(**asdict(bar))
    await session.execute(statement.on_conflict_do_nothing(index_elements=[certificate_bars.c.station_id]))


async def get(session: AsyncSession, station_id: str) -> Bar | None:
    """Return the bar of a station; None: it may get certificates."""
    row = (await session.execute(select(certificate_bars).where(certificate_bars.c.station_id == station_id))).first()
    return None if row is None else Bar(**row._mapping)  # noqa: SLF001 SQLAlchemy's public name of it


async def remove(session: WriteSession, station_id: str) -> bool:
    """Take a bar away. Returns False when there is none."""
    statement = delete(certificate_bars).where(certificate_bars.c.station_id == station_id)
    return (await session.execute(statement.returning(certificate_bars.c.station_id))).first() is not None


async def page(session: AsyncSession, *, limit: int, after: str | None) -> Sequence[Bar]:
    """Return up to `limit` bars in the order of the stations' ids, those behind `after`."""
    query = select(certificate_bars).order_by(certificate_bars.c.station_id).limit(limit)
    if after is not None:
        query = query.where(certificate_bars.c.station_id > after)
    return [Bar(**row._mapping) for row in await session.execute(query)]  # noqa: SLF001
