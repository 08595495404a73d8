"""Rows of sites."""

from collections.abc import Mapping, Sequence
from typing import Any

from csms_db.sql import insert
from csms_runtime.http.problems import FieldError, invalid_request
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import Site, Station


async def expect(session: AsyncSession, site_id: str | None, *, lock: bool = False) -> None:
    """Raise Problem 422 when there is no such site. None: no site is meant.

    `lock`: nobody deletes it until the transaction ends.
    """
    if site_id is None:
        return
    query = select(Site.site_id).where(Site.site_id == site_id)
    found = await session.scalar(query.with_for_update(read=True) if lock else query)
    if found is None:
        raise invalid_request([FieldError("/site_id", "there is no such site")])


async def find(session: AsyncSession, site_id: str, *, lock: bool = False) -> Site | None:
    """Return a site, or None. `lock`: its row is locked until the transaction ends."""
    return await session.get(Site, site_id, with_for_update=lock)


async def create(session: AsyncSession, columns: Mapping[str, Any]) -> bool:
    """Insert a site; False when there is one of this id."""
    statement = insert(session, Site).values(**columns).on_conflict_do_nothing().returning(Site.site_id)
    return await session.scalar(statement) is not None


async def change(session: AsyncSession, site_id: str, columns: Mapping[str, Any]) -> None:
    """Change a site."""
    await session.execute(update(Site).where(Site.site_id == site_id).values(**columns))


async def has_stations(session: AsyncSession, site_id: str) -> bool:
    """Whether stations belong to a site."""
    query = select(Station.station_id).where(Station.site_id == site_id).limit(1)
    return await session.scalar(query) is not None


async def remove(session: AsyncSession, site_id: str) -> None:
    """Delete a site."""
    await session.execute(delete(Site).where(Site.site_id == site_id))


async def page(session: AsyncSession, *, limit: int, after: str | None) -> Sequence[Site]:
    """Return up to `limit` sites in the order of their ids, those behind `after`; None: from the first."""
    statement = select(Site) if after is None else select(Site).where(Site.site_id > after)
    return (await session.scalars(statement.order_by(Site.site_id).limit(limit))).all()
