"""What was last known of each place of a station in what is deleted: without it, nobody would know how it went on."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from csms_db.engine import WriteSession
from csms_db.sql import insert
from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.tables import baselines

Row = dict[str, Any]
CONNECTION = "connection"
STATUS = "status"
ORDER = "order"


def of_connection(station_key: str, closed_at: datetime) -> Row:
    """Return that a station's connection had ended."""
    return _row(station_key, CONNECTION, (0, 0), closed_at, "")


def of_status(station_key: str, evse_id: int, connector_id: int, at: datetime, status: str) -> Row:
    """Return a status of a connector, an EVSE or the station."""
    return _row(station_key, STATUS, (evse_id, connector_id), at, status)


def of_order(station_key: str, evse_id: int, connector_id: int, at: datetime, status: str) -> Row:
    """Return what an operator ordered of the availability of a place."""
    return _row(station_key, ORDER, (evse_id, connector_id), at, status)


def _row(station_key: str, what: str, numbers: tuple[int, int], at: datetime, status: str) -> Row:
    place = dict(zip(("evse_id", "connector_id"), numbers, strict=True))
    return {"station_key": station_key, "what": what, **place, "at": at, "status": status}


_KEY = ("station_key", "what", "evse_id", "connector_id")


async def keep(session: WriteSession, rows: Iterable[Row]) -> None:
    """Keep these where nothing newer of the same place is kept."""
    newest: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in _KEY)
        newest[key] = max(newest.get(key, row), row, key=lambda one: one["at"])
    if not newest:
        return
    statement = insert(session, baselines).values([newest[key] for key in sorted(newest)])
    new, old = statement.excluded, baselines.c
    is_newer = new.at > old.at
    changes = {name: case((is_newer, new[name]), else_=old[name]) for name in ("at", "status")}
    await session.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=changes))


async def of_station(session: AsyncSession, station_key: str, until: datetime) -> Sequence[Any]:
    """Return what is kept of a station from before a moment."""
    columns = baselines.c
    query = select(baselines).where(columns.station_key == station_key, columns.at < until)
    return (await session.execute(query)).mappings().all()
