"""Rows of the register of VAT numbers."""

from collections.abc import Sequence
from datetime import datetime

from csms_db.sql import insert
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.tables import VatNumber


async def find(session: AsyncSession, key: str) -> VatNumber | None:
    """Return the entry of a VAT number, by `vat_register.key`."""
    return await session.get(VatNumber, key, populate_existing=True)


async def put(session: AsyncSession, key: str, vat_number: str, company: JsonObject | None, now: datetime) -> None:
    """Create or replace an entry."""
    state = {"vat_number": vat_number, "company": company, "updated_at": now}
    statement = insert(session, VatNumber).values(key=key, **state, created_at=now)
    await session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=state))


async def remove(session: AsyncSession, key: str) -> bool:
    """Delete an entry; return whether it was there."""
    found = await session.scalar(delete(VatNumber).where(VatNumber.key == key).returning(VatNumber.key))
    return found is not None


async def page(session: AsyncSession, *, after: str | None, limit: int) -> Sequence[VatNumber]:
    """Return up to `limit` entries in the order of their keys, those behind `after`."""
    statement = select(VatNumber).order_by(VatNumber.key).limit(limit)
    if after is not None:
        statement = statement.where(VatNumber.key > after)
    return (await session.scalars(statement)).all()
