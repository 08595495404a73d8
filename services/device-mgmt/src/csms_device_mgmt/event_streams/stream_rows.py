"""Rows of event streams, of their values, and of what monitors monitor."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.sql import insert
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import and_, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.event_streams.streams import Monitor, Stream
from csms_device_mgmt.tables import EventStream, MonitoredVariable, StreamValues

MOST_STREAMS = 200
"""Of a station; closed ones give way first, then those that were opened longest ago."""
MOST_MONITORS = 1000


async def store_monitors(session: AsyncSession, station_id: str, monitors: Iterable[Monitor], at: datetime) -> None:
    """Store what monitors monitor; the newest of a station are kept."""
    rows = {
        monitor.monitor_id: {
            "station_id": station_id,
            "monitor_id": monitor.monitor_id,
            "component": monitor.key.component_json(),
            "variable": monitor.key.variable_json(),
            "told_at": at,
        }
        for monitor in monitors
    }
    if not rows:
        return
    statement = insert(session, MonitoredVariable).values([rows[number] for number in sorted(rows)[:MOST_MONITORS]])
    changed = {name: statement.excluded[name] for name in ("component", "variable", "told_at")}
    await session.execute(statement.on_conflict_do_update(index_elements=["station_id", "monitor_id"], set_=changed))
    of_station = MonitoredVariable.station_id == station_id
    order = (MonitoredVariable.told_at.desc(), MonitoredVariable.monitor_id)
    newest = select(MonitoredVariable.monitor_id).where(of_station).order_by(*order).limit(MOST_MONITORS)
    older = delete(MonitoredVariable).where(of_station, MonitoredVariable.monitor_id.not_in(newest))
    await session.execute(older.execution_options(synchronize_session=False))


async def monitored(session: AsyncSession, station_id: str, monitor_id: int) -> MonitoredVariable | None:
    """Return what a monitor monitors; None: the station has not told."""
    return await session.get(MonitoredVariable, (station_id, monitor_id))


async def open_streams(session: AsyncSession, station_id: str, streams: Sequence[Stream], at: datetime) -> None:
    """Store streams that are open, at most 200; what was known of earlier ones with their ids is forgotten."""
    told = {"opened_at": at, "closed_at": None, "pending": None, "last_values_at": None}
    rows = {
        one.stream_id: {
            "station_id": station_id,
            "stream_id": one.stream_id,
            "monitor_id": one.monitor_id,
            "params": dict(one.params),
            **told,
        }
        for one in streams[:MOST_STREAMS]
    }
    if not rows:
        return
    statement = insert(session, EventStream).values([rows[number] for number in sorted(rows)])
    changed = {name: statement.excluded[name] for name in ("monitor_id", "params", *told)}
    await session.execute(statement.on_conflict_do_update(index_elements=["station_id", "stream_id"], set_=changed))
    of_station = EventStream.station_id == station_id
    order = (EventStream.closed_at.is_not(None), EventStream.opened_at.desc(), EventStream.stream_id)
    newest = select(EventStream.stream_id).where(of_station).order_by(*order).limit(MOST_STREAMS)
    older = delete(EventStream).where(of_station, EventStream.stream_id.not_in(newest))
    await session.execute(older.execution_options(synchronize_session=False))


async def change(session: AsyncSession, station_id: str, stream_id: int, **columns: object) -> None:
    """Change what is known of a stream, if it is known."""
    which = (EventStream.station_id == station_id, EventStream.stream_id == stream_id)
    statement = update(EventStream).where(*which).values(**columns)
    await session.execute(statement.execution_options(synchronize_session=False))


async def streams(session: AsyncSession, station_id: str) -> Sequence[tuple[EventStream, MonitoredVariable | None]]:
    """Return a station's streams in order of id, each with what its monitor monitors."""
    of_monitor = (
        MonitoredVariable.station_id == EventStream.station_id,
        MonitoredVariable.monitor_id == EventStream.monitor_id,
    )
    statement = select(EventStream, MonitoredVariable).outerjoin(MonitoredVariable, and_(*of_monitor))
    found = await session.execute(statement.where(EventStream.station_id == station_id).order_by(EventStream.stream_id))
    return [(stream, monitor) for stream, monitor in found]


async def find(session: AsyncSession, station_id: str, stream_id: int) -> EventStream | None:
    """Return a stream; None: the station has opened none with that id."""
    return await session.get(EventStream, (station_id, stream_id), populate_existing=True)


async def add_values(session: AsyncSession, columns: dict[str, Any]) -> bool:
    """Store the values of a message; False when those of this very record were stored before."""
    statement = insert(session, StreamValues).values(**columns).on_conflict_do_nothing()
    return (await session.execute(statement.returning(StreamValues.record_id))).scalar() is not None


async def values(
    session: AsyncSession,
    station_id: str,
    *,
    stream_id: int,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    before: tuple[datetime, str] | None,
) -> Bounded:
    """Read up to `limit` messages with values, the newest first, those before (received_at, record_id)."""
    which = (StreamValues.station_id == station_id, StreamValues.stream_id == stream_id)
    statement = select(StreamValues).where(*which)
    if since is not None:
        statement = statement.where(StreamValues.received_at >= since)
    if until is not None:
        statement = statement.where(StreamValues.received_at < until)
    if before is not None:
        statement = statement.where(tuple_(StreamValues.received_at, StreamValues.record_id) < before)
    order = (StreamValues.received_at.desc(), StreamValues.record_id.desc())
    size = StreamValues.size
    return await bounded.read(session, statement.order_by(*order), size, limit=limit, most_bytes=MAX_PAGE_BYTES)
