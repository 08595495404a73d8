"""Statements on `web_payments` and `web_payment_settings`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from csms_db.by_time import ByTime
from csms_db.sql import insert
from csms_ocpp import station_ids
from sqlalchemy import RowMapping, Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.tables import remote_requests, web_payment_settings, web_payments


class SealedSettings(NamedTuple):
    """How a station's codes are made; its secret is sealed."""

    station_id: str
    shared_secret: bytes
    validity_time_s: int
    length: int
    updated_at: datetime


class WebPayment(NamedTuple):
    """A payment that a driver began with a QR code."""

    id: str
    station_id: str
    evse_id: int | None
    transaction_limit: Mapping[str, float]
    created_at: datetime
    expires_at: datetime


async def put_settings(session: AsyncSession, dialect: str, settings: SealedSettings) -> None:
    """Create or replace how a station's codes are made."""
    values = settings._asdict()
    statement = insert(dialect)(web_payment_settings).values(station_key=station_ids.key(settings.station_id), **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["station_key"], set_=values))


async def settings_of(session: AsyncSession, station_id: str) -> SealedSettings | None:
    """Return how a station's codes are made; None: it shows none. The station may be spelled in any case."""
    columns = (web_payment_settings.c[name] for name in SealedSettings._fields)
    where = web_payment_settings.c.station_key == station_ids.key(station_id)
    row = (await session.execute(select(*columns).where(where))).one_or_none()
    return None if row is None else SealedSettings(*row)


async def remove_settings(session: AsyncSession, station_id: str) -> bool:
    """Delete how a station's codes are made; return whether it was there."""
    key = web_payment_settings.c.station_key
    statement = delete(web_payment_settings).where(key == station_ids.key(station_id)).returning(key)
    return await session.scalar(statement) is not None


async def add(session: AsyncSession, dialect: str, payment: WebPayment) -> bool:
    """Note a payment that was begun. Return False: there is one with this id."""
    statement = insert(dialect)(web_payments).values(payment._asdict()).on_conflict_do_nothing()
    return await session.scalar(statement.returning(web_payments.c.id)) is not None


async def remove(session: AsyncSession, payment_id: str) -> None:
    """Forget a payment that could not begin."""
    await session.execute(delete(web_payments).where(web_payments.c.id == payment_id))


async def take(session: AsyncSession, payment_id: str, psp_ref: str, now: datetime) -> bool:
    """Note that a payment was authorized. Return False: it is too late for that, or it was before.

    Raises IntegrityError: another payment has this reference.
    """
    columns = web_payments.c
    is_open = (columns.id == payment_id, columns.psp_ref.is_(None), columns.expires_at > now)
    statement = update(web_payments).where(*is_open).values(psp_ref=psp_ref, authorized_at=now).returning(columns.id)
    return await session.scalar(statement) is not None


async def give_back(session: AsyncSession, payment_id: str) -> None:
    """Note that nothing was started with a payment: it may be authorized again."""
    statement = update(web_payments).where(web_payments.c.id == payment_id)
    await session.execute(statement.values(psp_ref=None, authorized_at=None))


async def note_call(session: AsyncSession, payment_id: str, call_id: str) -> None:
    """Note the call by which the transaction is started."""
    await session.execute(update(web_payments).where(web_payments.c.id == payment_id).values(call_id=call_id))


async def get(session: AsyncSession, payment_id: str) -> RowMapping | None:
    """Return a payment, with the transaction that came of it."""
    statement = _shown().where(web_payments.c.id == payment_id)
    found: RowMapping | None = (await session.execute(statement)).mappings().one_or_none()
    return found


async def page(
    session: AsyncSession, *, station_id: str | None, after: tuple[datetime, str] | None, limit: int
) -> Sequence[RowMapping]:
    """Return up to `limit` payments, the newest first, those behind `after`."""
    statement = _shown().limit(limit)
    if station_id is not None:
        statement = statement.where(web_payments.c.station_id == station_id)
    order = ByTime(web_payments.c.created_at, web_payments.c.id, filtered=station_id is not None)
    found: Sequence[RowMapping] = (await session.execute(order.page(statement, after))).mappings().all()
    return found


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` payments that were begun before that moment, the oldest first; return how many."""
    order = ByTime(web_payments.c.created_at, web_payments.c.id, filtered=False, oldest_first=True)
    statement = select(web_payments.c.id).where(order.until(before)).limit(limit).with_for_update(skip_locked=True)
    found = (await session.scalars(order.page(statement, None))).all()
    await session.execute(delete(web_payments).where(web_payments.c.id.in_(found)))
    return len(found)


def _shown() -> Select[Any]:
    transaction = remote_requests.c.transaction_id
    both = web_payments.outerjoin(remote_requests, remote_requests.c.call_id == web_payments.c.call_id)
    return select(web_payments, transaction).select_from(both)
