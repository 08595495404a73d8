"""Rows of DER controls: what each station holds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.der.controls import Control
from csms_device_mgmt.tables import DerControl

MOST = 100
"""Of a station; those of which nothing was told for the longest time give way."""


async def store(session: AsyncSession, station_id: str, controls: Iterable[Control], at: datetime) -> None:
    """Store controls that a station holds, unless something newer is known of them."""
    rows = {
        control.control_id: {
            "station_id": station_id,
            "control_id": control.control_id,
            "control_type": control.control_type,
            "is_default": control.is_default,
            "is_superseded": control.is_superseded,
            "settings": dict(control.settings),
            "told_at": at,
        }
        for control in controls
    }
    if not rows:
        return
    statement = insert(session, DerControl).values([rows[name] for name in sorted(rows)[:MOST]])
    names = ("control_type", "is_default", "is_superseded", "settings", "told_at")
    changed = {name: statement.excluded[name] for name in names}
    newer = DerControl.told_at <= statement.excluded.told_at
    await session.execute(
        statement.on_conflict_do_update(index_elements=["station_id", "control_id"], set_=changed, where=newer)
    )
    of_station = DerControl.station_id == station_id
    order = (DerControl.told_at.desc(), DerControl.control_id)
    newest = select(DerControl.control_id).where(of_station).order_by(*order).limit(MOST)
    older = delete(DerControl).where(of_station, DerControl.control_id.not_in(newest))
    await session.execute(older.execution_options(synchronize_session=False))


async def change(session: AsyncSession, station_id: str, control_ids: Collection[str], **columns: object) -> None:
    """Change what is known of controls, of those that are known."""
    which = (DerControl.station_id == station_id, DerControl.control_id.in_(sorted(control_ids)[:MOST]))
    await session.execute(update(DerControl).where(*which).values(**columns))


async def clear(session: AsyncSession, station_id: str, wanted: Mapping[str, Any], at: datetime) -> None:
    """Delete controls that a station holds no more, by some of their columns; what was told later stays."""
    which = [DerControl.__table__.c[name] == value for name, value in wanted.items()]
    gone = delete(DerControl).where(DerControl.station_id == station_id, DerControl.told_at <= at, *which)
    await session.execute(gone.execution_options(synchronize_session=False))


async def of_station(session: AsyncSession, station_id: str) -> Sequence[DerControl]:
    """Return what a station holds, in order of id."""
    statement = select(DerControl).where(DerControl.station_id == station_id).order_by(DerControl.control_id)
    return (await session.scalars(statement)).all()
