"""Rows of jobs and of what stations reported on them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from sqlalchemy import ColumnElement, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.domain.jobs import UNDER_WAY, JobKind, JobState
from csms_device_mgmt.store.tables import Job, JobStep


async def find(
    session: AsyncSession, station_id: str, kind: JobKind, request_id: int, *, lock: bool = False
) -> Job | None:
    """Return the job's row, or None; with `lock`, nobody else changes it until the transaction ends."""
    return await session.get(Job, (station_id, kind.value, request_id), with_for_update=lock or None)


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


async def add_step(session: AsyncSession, columns: dict[str, Any]) -> bool:
    """Store a message of the station; False when this very message was stored before."""
    statement = insert(session, JobStep).values(**columns).on_conflict_do_nothing()
    added = await session.execute(statement.returning(JobStep.record_id))
    return added.scalar() is not None


async def steps(session: AsyncSession, row: Job) -> Sequence[JobStep]:
    """Return what the station reported on a job, the oldest first."""
    order = (JobStep.received_at, JobStep.record_id)
    return (await session.scalars(select(JobStep).where(*_steps_of(row)).order_by(*order))).all()


async def steps_of_many(session: AsyncSession, rows: Sequence[Job]) -> dict[int, list[JobStep]]:
    """Return what the station reported on jobs of one kind, by requestId, the oldest first."""
    found: dict[int, list[JobStep]] = {row.request_id: [] for row in rows}
    if rows:
        statement = select(JobStep).where(
            JobStep.station_id == rows[0].station_id,
            JobStep.kind == rows[0].kind,
            JobStep.request_id.in_(list(found)),
        )
        for step in await session.scalars(statement.order_by(JobStep.received_at, JobStep.record_id)):
            found[step.request_id].append(step)
    return found


def _steps_of(row: Job) -> tuple[ColumnElement[bool], ...]:
    return (JobStep.station_id == row.station_id, JobStep.kind == row.kind, JobStep.request_id == row.request_id)


async def page(
    session: AsyncSession, station_id: str, kind: JobKind, *, limit: int, before: tuple[datetime, int] | None
) -> Sequence[Job]:
    """Return up to `limit` jobs, the newest first, those before (created_at, requestId)."""
    statement = select(Job).where(Job.station_id == station_id, Job.kind == kind.value)
    if before is not None:
        statement = statement.where(tuple_(Job.created_at, Job.request_id) < before)
    return (await session.scalars(statement.order_by(Job.created_at.desc(), Job.request_id.desc()).limit(limit))).all()
