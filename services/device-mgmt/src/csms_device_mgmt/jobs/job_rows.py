"""Rows of jobs and of what stations reported on them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.sql import insert
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import ColumnElement, Text, cast, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.jobs.course import UNDER_WAY, JobKind, JobState
from csms_device_mgmt.tables import Job, JobStep


async def find(
    session: AsyncSession, station_id: str, kind: JobKind, request_id: int, *, lock: bool = False
) -> Job | None:
    """Return the job's row, or None; with `lock`, nobody else changes it until the transaction ends."""
    return await session.get(Job, (station_id, kind.value, request_id), with_for_update=lock or None)


async def of_call(session: AsyncSession, station_id: str, kind: JobKind, call_id: str) -> Job | None:
    """Return the job that a call asked for, or None; nobody else changes it until the transaction ends."""
    which = (Job.station_id == station_id, Job.kind == kind.value, Job.call_id == call_id)
    found: Job | None = await session.scalar(select(Job).where(*which).with_for_update())
    return found


async def begin(
    session: AsyncSession,
    station_id: str,
    kind: JobKind,
    request_id: int,
    *,
    call_id: str | None,
    request: dict[str, Any] | None,
    now: datetime,
) -> Job:
    """Begin a job; an earlier one with the same requestId is forgotten."""
    row = await find(session, station_id, kind, request_id)
    if row is not None:
        await session.execute(delete(JobStep).where(*_steps_of(row)))
        await session.delete(row)
        await session.flush()
    row = Job(
        station_id=station_id,
        kind=kind.value,
        request_id=request_id,
        call_id=call_id,
        request=request,
        state=JobState.REQUESTED.value,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    await session.flush()
    return row


async def under_way(session: AsyncSession, station_id: str, kind: JobKind) -> Sequence[Job]:
    """Return the jobs a station may still be at, the newest first, locked."""
    statement = (
        select(Job)
        .where(
            Job.station_id == station_id, Job.kind == kind.value, Job.state.in_([state.value for state in UNDER_WAY])
        )
        .order_by(Job.created_at.desc(), Job.request_id.desc())
        .with_for_update()
    )
    return (await session.scalars(statement)).all()


async def current(session: AsyncSession, station_id: str, kind: JobKind) -> Job | None:
    """Return the newest job that was not refused, locked, if the station may still be at it.

    If it is over, the station is not at an older one, either: it repeats itself.
    """
    statement = (
        select(Job)
        .where(
            Job.station_id == station_id,
            Job.kind == kind.value,
            Job.state.not_in([JobState.REJECTED.value, JobState.NOT_SENT.value]),
        )
        .order_by(Job.created_at.desc(), Job.request_id.desc())
        .limit(1)
        .with_for_update()
    )
    found: Job | None = await session.scalar(statement)
    return found if found is not None and found.state in UNDER_WAY else None


async def add_step(session: AsyncSession, columns: dict[str, Any]) -> bool:
    """Store a message of the station; False when this very message was stored before."""
    statement = insert(session, JobStep).values(**columns).on_conflict_do_nothing()
    added = await session.execute(statement.returning(JobStep.record_id))
    return added.scalar() is not None


async def steps_of(
    session: AsyncSession, rows: Sequence[Job], *, most: int, most_bytes: int
) -> dict[int, list[JobStep]]:
    """Return what the station reported on jobs of one kind, by requestId, the oldest first.

    Of all of them only the newest `most` steps, and of these as many as fit into `most_bytes`.
    """
    found: dict[int, list[JobStep]] = {row.request_id: [] for row in rows}
    if rows:
        statement = select(JobStep).where(
            JobStep.station_id == rows[0].station_id,
            JobStep.kind == rows[0].kind,
            JobStep.request_id.in_(list(found)),
        )
        newest = statement.order_by(JobStep.received_at.desc(), JobStep.record_id.desc())
        steps = await bounded.read(session, newest, JobStep.size, limit=most, most_bytes=most_bytes)
        for step in reversed(steps.rows):
            found[step.request_id].append(step)
    return found


def _steps_of(row: Job) -> tuple[ColumnElement[bool], ...]:
    return (JobStep.station_id == row.station_id, JobStep.kind == row.kind, JobStep.request_id == row.request_id)


async def page(
    session: AsyncSession,
    station_id: str,
    kind: JobKind,
    *,
    limit: int,
    before: tuple[datetime, int] | None,
    most_bytes: int = MAX_PAGE_BYTES,
) -> Bounded:
    """Read up to `limit` jobs, the newest first, those before (created_at, requestId)."""
    statement = select(Job).where(Job.station_id == station_id, Job.kind == kind.value)
    if before is not None:
        statement = statement.where(tuple_(Job.created_at, Job.request_id) < before)
    newest = statement.order_by(Job.created_at.desc(), Job.request_id.desc())
    size = func.coalesce(func.length(cast(Job.request, Text)), 0) + func.coalesce(
        func.length(cast(Job.response, Text)), 0
    )
    return await bounded.read(session, newest, size, limit=limit, most_bytes=most_bytes)
