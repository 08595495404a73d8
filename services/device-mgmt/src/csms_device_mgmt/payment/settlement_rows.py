"""Rows of settlements."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from csms_runtime.money import Money, to_units
from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.payment.settlement import FINAL, Due, Result, SettledBy, SettlementStatus
from csms_device_mgmt.tables import Settlement

MOST_OF_STATION = 10_000
"""Of those that a station told, the newest are kept."""
_KEY = ["station_id", "psp_ref", "transaction_id"]


async def told(
    session: AsyncSession, key: tuple[str, str, str], result: Result, vat: dict[str, Any], now: datetime
) -> None:
    """Note what a station told of a payment, unless it told something later. `key`: station, pspRef, transactionId.

    What the CSMS settles itself is not the station's matter. `now`: by our clock, of receipt.
    """
    state = {**_state(result), **vat, "updated_at": now}
    row = dict(zip(_KEY, key, strict=True))
    statement = insert(session, Settlement).values(**row, **state, settled_by=SettledBy.STATION, created_at=now)
    newer = or_(Settlement.told_at.is_(None), Settlement.told_at <= result.at)
    known = statement.on_conflict_do_update(
        index_elements=_KEY, set_=state, where=newer & (Settlement.settled_by == SettledBy.STATION)
    )
    await session.execute(known)
    await _make_room(session, key[0])


async def _make_room(session: AsyncSession, station_id: str) -> None:
    of_station = (Settlement.station_id == station_id, Settlement.settled_by == SettledBy.STATION)
    ids = select(Settlement.id).where(*of_station).order_by(Settlement.id.desc())
    oldest = await session.scalar(ids.offset(MOST_OF_STATION).limit(1))
    if oldest is not None:
        statement = delete(Settlement).where(*of_station, Settlement.id <= oldest)
        await session.execute(statement.execution_options(synchronize_session=False))


async def open_all(session: AsyncSession, due: Iterable[Due], now: datetime) -> None:
    """Open settlements by the CSMS, or correct what is due in those that are open. To do it again changes nothing.

    What a station tried before, without success, is the CSMS's from then on; what it settled or canceled stays so.
    """
    for one in sorted(due, key=lambda each: (each.station_id, each.psp_ref, each.transaction_id, each.revision)):
        state = {
            **_state(Result(SettlementStatus.OPEN, now, one.cost)),
            "told_at": None,
            "transaction": one.transaction,
            "settled_by": SettledBy.CSMS,
            "revision": one.revision,
            "updated_at": now,
        }
        key = dict(zip(_KEY, (one.station_id, one.psp_ref, one.transaction_id), strict=True))
        statement = insert(session, Settlement).values(**key, **state, created_at=now)
        is_open = (Settlement.status == SettlementStatus.OPEN) & (Settlement.revision < one.revision)
        tried = (Settlement.settled_by == SettledBy.STATION) & Settlement.status.not_in(FINAL)
        await session.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=state, where=is_open | tried))


async def find(session: AsyncSession, settlement_id: int, *, lock: bool = False) -> Settlement | None:
    """Return a settlement. `lock`: until the transaction ends."""
    return await session.get(Settlement, settlement_id, populate_existing=True, with_for_update=lock or None)


async def finish(session: AsyncSession, settlement_id: int, result: Result) -> None:
    """Note what became of a settlement by the CSMS."""
    state = {name: value for name, value in _state(result).items() if value is not None or name == "status_info"}
    statement = update(Settlement).where(Settlement.id == settlement_id).values(**state, updated_at=result.at)
    await session.execute(statement.execution_options(synchronize_session=False))


async def page(
    session: AsyncSession,
    *,
    status: SettlementStatus | None,
    station_id: str | None,
    psp_ref: str | None,
    before: int | None,
    limit: int,
) -> Sequence[Settlement]:
    """Return up to `limit` settlements, the newest first, those before this id."""
    statement = select(Settlement).order_by(Settlement.id.desc()).limit(limit)
    given = ((Settlement.status, status), (Settlement.station_id, station_id), (Settlement.psp_ref, psp_ref))
    statement = statement.where(*(column == value for column, value in given if value is not None))
    if before is not None:
        statement = statement.where(Settlement.id < before)
    return (await session.scalars(statement)).all()


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` settlements that are not open and were changed before that moment; return how many."""
    old = (
        select(Settlement.id)
        .where(Settlement.updated_at < before, Settlement.status != SettlementStatus.OPEN)
        .order_by(Settlement.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(old)).all()
    statement = delete(Settlement).where(Settlement.id.in_(found))
    await session.execute(statement.execution_options(synchronize_session=False))
    return len(found)


def _state(result: Result) -> dict[str, Any]:
    return {
        "status": result.status,
        "told_at": result.at,
        **_amount(result.cost),
        "receipt_id": result.receipt_id,
        "receipt_url": result.receipt_url,
        "status_info": result.status_info,
    }


def _amount(cost: Money | None) -> dict[str, Any]:
    if cost is None:
        return {"amount": None, "currency": None}
    return {"amount": to_units(cost.amount), "currency": cost.currency or None}
