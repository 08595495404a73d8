"""How stations are spelled in what is stored: their identities are compared without case (`station_ids.key`)."""

from collections.abc import Sequence

from csms_ocpp import station_ids
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.tables import meter_value_bytes, transactions

_COLUMNS: tuple[ColumnElement[str], ...] = (transactions.c.station_id, meter_value_bytes.c.station_id)
_MOST = 20
"""A station has one, unless it was deleted and created again, or comes from a version that told cases apart."""


async def spellings(session: AsyncSession, station_id: str) -> Sequence[str]:
    """Return all spellings of a station that has transactions or meter values; of any other what was given."""
    found = {one for column in _COLUMNS for one in await _in(session, column, station_id)}
    return sorted(found) or [station_id]


async def _in(session: AsyncSession, column: ColumnElement[str], station_id: str) -> Sequence[str]:
    # What a database takes for lower case differs beyond ASCII: it is asked for more than is meant.
    same = func.lower(column) == func.lower(station_id)
    found = []
    statement = select(func.min(column)).where(same)
    last = await session.scalar(statement)
    for _ in range(_MOST):
        if last is None:
            break
        if station_ids.key(last) == station_ids.key(station_id):
            found.append(last)
        last = await session.scalar(statement.where(column > last))
    return found


async def spelling(session: AsyncSession, station_id: str) -> str:
    """Return how a station that has transactions or meter values is spelled; any other as it was given."""
    if station_ids.fault_of(station_id):
        return station_id
    for column in _COLUMNS:
        if await session.scalar(select(column).where(column == station_id).limit(1)) is not None:
            return station_id
    return (await spellings(session, station_id))[-1]
