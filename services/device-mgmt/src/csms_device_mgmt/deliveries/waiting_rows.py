"""Rows of calls that wait for their station to come back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import orjson
from csms_runtime.sealing import Sealer
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.tables import WaitingCall

_PURPOSE = "waiting call"
SEALED_BYTES = 29
"""By how much a sealed payload is longer."""


def sealed(sealer: Sealer, call_id: str, payload: Any) -> bytes:  # noqa: ANN401 any JSON value
    """Return a payload as it is stored."""
    return sealer.seal(orjson.dumps(payload), _PURPOSE, call_id)


def opened(sealer: Sealer, row: WaitingCall) -> Any:  # noqa: ANN401 as above
    """Return a call's payload. Raises CannotOpen."""
    return orjson.loads(sealer.open(row.sealed, _PURPOSE, row.call_id))


async def stations_of(session: AsyncSession, call_ids: Collection[str]) -> Sequence[str]:
    """Return the stations for which these calls wait; of those that do not wait any more none."""
    found = select(WaitingCall.station_id).where(WaitingCall.call_id.in_(call_ids))
    return list(dict.fromkeys((await session.scalars(found)).all()))


async def of_station(session: AsyncSession, station_id: str) -> Sequence[WaitingCall]:
    """Return the calls that wait for a station, in their order."""
    statement = select(WaitingCall).where(WaitingCall.station_id == station_id)
    return (await session.scalars(statement.order_by(WaitingCall.created_at, WaitingCall.call_id))).all()


async def taken(session: AsyncSession, station_id: str) -> tuple[int, int]:
    """Return how many calls wait for a station, and the bytes of their payloads."""
    size = func.sum(func.length(WaitingCall.sealed) - SEALED_BYTES)
    row = (await session.execute(select(func.count(), size).where(WaitingCall.station_id == station_id))).one()
    return row[0], row[1] or 0


async def due(session: AsyncSession, now: datetime, limit: int) -> Sequence[str]:
    """Return stations that have calls to be looked at, the longest due first."""
    oldest = select(WaitingCall.station_id).where(WaitingCall.due_at <= now).order_by(WaitingCall.due_at).limit(limit)
    return list(dict.fromkeys((await session.scalars(oldest)).all()))


async def look_at(session: AsyncSession, station_id: str, when: datetime) -> None:
    """Have a station's calls looked at at that moment, or at their end if that is before."""
    soon = update(WaitingCall).where(WaitingCall.station_id == station_id, WaitingCall.deliver_until > when)
    await session.execute(soon.values(due_at=when).execution_options(synchronize_session=False))


async def remove(session: AsyncSession, station_ids: Collection[str]) -> None:
    """Delete the calls that wait for stations that are gone."""
    gone = delete(WaitingCall).where(WaitingCall.station_id.in_(station_ids))
    await session.execute(gone.execution_options(synchronize_session=False))
