"""How much the history of each station takes, and making room: the oldest of a station gives way to the newest.

History is what is kept to be read later and decides nothing. Sizes are those of what is large in a row, as stored,
and a fixed number of bytes for the rest of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms_runtime import metrics
from sqlalchemy import ColumnElement, Table, bindparam, case, delete, func, literal, select, tuple_, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.tables import (
    Call,
    Fault,
    Job,
    JobStep,
    Notification,
    RefusedMessage,
    Report,
    ReportPart,
    Station,
    StreamValues,
)

ROW_BYTES = 250
"""What a row takes beside what is large in it, with its indexes; about."""
FAULT_BYTES = 250
"""What is large in a fault, about."""
STEP_ROWS = 500
"""So many rows are deleted at a time,"""
MAX_STEPS = 4
"""and so often in one transaction; a station that needs more gets it with its next message."""


_STATIONS: Table = Station.__table__  # type: ignore[assignment]  # SQLAlchemy says FromClause


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of history."""

    table: type[Any]
    key: tuple[InstrumentedAttribute[Any], ...]
    at: InstrumentedAttribute[datetime]
    size: ColumnElement[int] | InstrumentedAttribute[int]
    ended: ColumnElement[bool] | None = None
    """What may be deleted; None: every row."""

    @property
    def name(self) -> str:
        """As in the metrics."""
        return str(self.table.__tablename__)

    def of(self, station_id: str) -> list[ColumnElement[bool]]:
        """The rows of a station that may give way."""
        mine = [self.table.station_id == station_id]
        return mine if self.ended is None else [*mine, self.ended]


_OF_REPORT = (
    ReportPart.station_id == Report.station_id,
    ReportPart.message == Report.message,
    ReportPart.request_id == Report.request_id,
)
_UNASKED = Report.call_id.is_(None) & ~select(ReportPart.seq_no).where(*_OF_REPORT).exists()
_REPORT = (Report.station_id, Report.message, Report.request_id)
_JOB = (Job.station_id, Job.kind, Job.request_id)
_PART = (ReportPart.station_id, ReportPart.message, ReportPart.request_id, ReportPart.seq_no)
KINDS = (
    Kind(Notification, (Notification.record_id,), Notification.received_at, func.length(Notification.payload)),
    Kind(Fault, (Fault.fault_id,), Fault.received_at, literal(FAULT_BYTES)),
    Kind(StreamValues, (StreamValues.record_id,), StreamValues.received_at, func.length(StreamValues.data)),
    Kind(RefusedMessage, (RefusedMessage.record_id,), RefusedMessage.received_at, literal(0)),
    Kind(ReportPart, _PART, ReportPart.received_at, func.length(ReportPart.entries)),
    Kind(Report, _REPORT, Report.created_at, literal(0), _UNASKED),
    Kind(Job, _JOB, Job.updated_at, literal(0), Job.call_id.is_(None)),
    Kind(JobStep, (JobStep.record_id,), JobStep.received_at, func.length(JobStep.detail)),
    Kind(Call, (Call.call_id,), Call.created_at, Call.size, Call.state == "completed"),
)


async def grow(session: AsyncSession, grown: Mapping[str, int]) -> None:
    """Note what stations' histories grew by, or, below 0, shrank by; in bytes."""
    total = _STATIONS.c.history_bytes + bindparam("grown")
    statement = (
        update(_STATIONS)
        .where(_STATIONS.c.station_id == bindparam("station"))
        .values(history_bytes=case((total < 0, 0), else_=total))
    )
    # In one order, so that two processes cannot wait for each other.
    rows = [{"station": station_id, "grown": size} for station_id, size in sorted(grown.items())]
    await (await session.connection()).execute(statement, rows)


async def make_room(session: AsyncSession, station_ids: Collection[str], most: int) -> None:
    """Delete the oldest history of those stations that have more than `most` bytes, a bounded number of rows."""
    over = select(_STATIONS.c.station_id, _STATIONS.c.history_bytes).where(
        _STATIONS.c.station_id.in_(sorted(station_ids)), _STATIONS.c.history_bytes > most
    )
    for station_id, size in (await session.execute(over)).all():
        await _shrink(session, station_id, size, size - most)


async def _shrink(session: AsyncSession, station_id: str, size: int, excess: int) -> None:
    freed, since = 0, None
    for _ in range(MAX_STEPS):
        until = await _oldest_until(session, station_id, excess - freed)
        if until is None:  # too much was counted: else all that comes would have to go at once, for ever
            await grow(session, {station_id: freed - size})
            break
        freed += await _delete_until(session, station_id, until)
        since = until
        if freed >= excess:
            break
    if since is not None:
        await grow(session, {station_id: -freed})
        noted = update(_STATIONS).where(_STATIONS.c.station_id == station_id).values(history_since=since)
        await (await session.connection()).execute(noted)


async def _oldest_until(session: AsyncSession, station_id: str, wanted: int) -> datetime | None:
    """Return the moment up to which history must go for so many bytes, or for a step's rows; None: there is none."""
    oldest = [
        select(kind.at.label("at"), (kind.size + ROW_BYTES).label("size"))
        .where(*kind.of(station_id))
        .order_by(kind.at)
        .limit(STEP_ROWS)
        .subquery()
        for kind in KINDS
    ]
    all_kinds = union_all(*(select(each.c.at, each.c.size) for each in oldest)).subquery()
    rows = (await session.execute(select(all_kinds).order_by(all_kinds.c.at).limit(STEP_ROWS))).all()
    until, total = None, 0
    for at, size in rows:
        until, total = at, total + size
        if total >= wanted:
            break
    return until


async def _delete_until(session: AsyncSession, station_id: str, until: datetime) -> int:
    """Delete history up to a moment; returns how many bytes there were."""
    freed = 0
    for kind in KINDS:
        # Rows that another process is deleting are left to it.
        chosen = (
            select(*kind.key, (kind.size + ROW_BYTES).label("size"))
            .where(*kind.of(station_id), kind.at <= until)
            .order_by(kind.at)
            .limit(STEP_ROWS)
            .with_for_update(skip_locked=True)
        )
        found = (await session.execute(chosen)).all()
        if found:
            await session.execute(delete(kind.table).where(_among(kind, [tuple(row[:-1]) for row in found])))
            metrics.DEVICES_HISTORY_GAVE_WAY.labels(kind.name).inc(len(found))
            freed += sum(row.size for row in found)
    return freed


def _among(kind: Kind, keys: list[tuple[Any, ...]]) -> ColumnElement[bool]:
    return kind.key[0].in_([key for (key,) in keys]) if len(kind.key) == 1 else tuple_(*kind.key).in_(keys)
