"""Rows of commands for many stations, and of the stations they are for."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.statements import Insert, Update
from csms_runtime.http.pages import MAX_PAGE_BYTES
from csms_runtime.sealing import Sealer
from sqlalchemy import ColumnElement, Select, Table, case, delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.bulk.progress import TargetStatus
from csms_device_mgmt.commands.call_rows import CallState
from csms_device_mgmt.tables import BulkJob, BulkTarget, Call

_PURPOSE = "bulk"
LEASE = timedelta(seconds=30)
"""How long a process has a job without saying so again."""
_ROW_BYTES = 400
"""What a station takes in an answer beside its response, about."""

_TARGETS = cast("Table", BulkTarget.__table__)
_ADD = Insert(_TARGETS, ["bulk_id", "position", "station_id", "status"])
_MOVE = Update(_TARGETS, by=["bulk_id", "position"], names=["status", "call_id", "refusal", "completed_at"])
_COMPLETE = Update(_TARGETS, by=["bulk_id", "position"], names=["status", "completed_at"])


def sealed(sealer: Sealer, bulk_id: str, payload: Any) -> bytes:  # noqa: ANN401 any JSON value
    """Return a payload as it is stored until the job is over."""
    return sealer.seal(orjson.dumps(payload), _PURPOSE, bulk_id)


def opened(sealer: Sealer, row: BulkJob) -> Any:  # noqa: ANN401 as above
    """Return a job's payload. Raises CannotOpen."""
    return orjson.loads(sealer.open(row.sealed or b"", _PURPOSE, row.bulk_id))


async def find(session: AsyncSession, bulk_id: str) -> BulkJob | None:
    """Return the job, or None."""
    return await session.get(BulkJob, bulk_id)


async def lock(session: AsyncSession, bulk_id: str) -> BulkJob | None:
    """Return the job as it is now, locked until the transaction ends, or None."""
    return await session.get(BulkJob, bulk_id, with_for_update=True, populate_existing=True)


async def unfinished(session: AsyncSession) -> int:
    """Return how many jobs are not over."""
    return await session.scalar(select(func.count()).where(BulkJob.finished_at.is_(None))) or 0


async def is_any_free(session: AsyncSession, now: datetime) -> bool:
    """Whether there is a job to be claimed."""
    return await session.scalar(select(BulkJob.bulk_id).where(*_free(now)).limit(1)) is not None


def _free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return BulkJob.finished_at.is_(None), or_(BulkJob.lease_until.is_(None), BulkJob.lease_until < now)


async def claim(session: AsyncSession, owner: str, now: datetime, most: int) -> Sequence[str]:
    """Take up to `most` jobs that are not over and that no process has, the oldest first; return their ids."""
    free = (
        select(BulkJob.bulk_id)
        .where(*_free(now))
        .order_by(BulkJob.created_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    ids = (await session.scalars(free)).all()
    taking = update(BulkJob).where(BulkJob.bulk_id.in_(ids)).values(lease_owner=owner, lease_until=now + LEASE)
    await session.execute(taking.execution_options(synchronize_session=False))
    return ids


async def held(session: AsyncSession, bulk_id: str, owner: str, now: datetime) -> BulkJob | None:
    """Return a job that this process has, locked, and have it longer; None: it has it no more, or it is over."""
    row = await lock(session, bulk_id)
    if row is None or row.finished_at is not None or row.lease_owner != owner:
        return None
    if row.lease_until is None or row.lease_until < now + LEASE / 2:
        row.lease_until = now + LEASE
    return row


def release(row: BulkJob, until: datetime | None) -> None:
    """Give a job back, which is locked: no process takes it before that moment; None: any takes it at once."""
    row.lease_owner, row.lease_until = None, until


async def add_targets(session: AsyncSession, row: BulkJob, station_ids: Sequence[str]) -> None:
    """Add stations to a job, which is locked."""
    numbered = enumerate(station_ids, start=row.total + 1)
    rows = [(row.bulk_id, position, station_id, TargetStatus.WAITING.value) for position, station_id in numbered]
    if rows:
        await _ADD.execute(session, rows)
    row.total += len(rows)


async def waiting(
    session: AsyncSession, bulk_id: str, limit: int, conditions: Sequence[ColumnElement[bool]] = ()
) -> Sequence[BulkTarget]:
    """Return the next stations that were not commanded yet, of those for which the conditions hold."""
    statement = (
        select(BulkTarget)
        .where(BulkTarget.bulk_id == bulk_id, BulkTarget.status == TargetStatus.WAITING.value, *conditions)
        .order_by(BulkTarget.position)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def answered(session: AsyncSession, bulk_id: str, limit: int) -> Sequence[tuple[int, str, datetime | None]]:
    """Return position, outcome and time of stations whose call is over; one whose call is gone is unknown."""
    is_over = or_(Call.call_id.is_(None), Call.state == CallState.COMPLETED.value)
    statement = (
        select(BulkTarget.position, func.coalesce(Call.outcome, TargetStatus.UNKNOWN.value), Call.completed_at)
        .join(Call, Call.call_id == BulkTarget.call_id, isouter=True)
        .where(BulkTarget.bulk_id == bulk_id, BulkTarget.status == TargetStatus.OPEN.value, is_over)
        .order_by(BulkTarget.position)
        .limit(limit)
    )
    return [(position, outcome, at) for position, outcome, at in await session.execute(statement)]


async def deferred(
    session: AsyncSession, bulk_id: str, after: int, limit: int
) -> Sequence[tuple[int, str | None, str | None, str | None, datetime | None]]:
    """Return position and call of stations whose call waited for them, behind `after`, and what their calls say now.

    That is state, outcome and time of the call; no state: it is gone.
    """
    statement = (
        select(BulkTarget.position, BulkTarget.call_id, Call.state, Call.outcome, Call.completed_at)
        .join(Call, Call.call_id == BulkTarget.call_id, isouter=True)
        .where(
            BulkTarget.bulk_id == bulk_id,
            BulkTarget.status == TargetStatus.DEFERRED.value,
            BulkTarget.position > after,
        )
        .order_by(BulkTarget.position)
        .limit(limit)
    )
    return [(at, call, state, outcome, when) for at, call, state, outcome, when in await session.execute(statement)]


Moved = tuple[int, TargetStatus, str | None, Mapping[str, Any] | None, datetime | None]
"""Position, status, call, refusal, and when it was over."""


async def move(session: AsyncSession, bulk_id: str, moved: Sequence[Moved]) -> None:
    """Store where stations stand."""
    rows = [(bulk_id, position, status.value, *rest) for position, status, *rest in moved]
    if rows:
        await _MOVE.execute(session, rows)


async def complete(session: AsyncSession, bulk_id: str, done: Sequence[tuple[int, str, datetime | None]]) -> None:
    """Store what became of calls."""
    if done:
        await _COMPLETE.execute(session, [(bulk_id, *each) for each in done])


async def page(
    session: AsyncSession, *, limit: int, before: tuple[datetime, str] | None, procedure: str | None = None
) -> Sequence[BulkJob]:
    """Read up to `limit` jobs, the newest first, those before (created_at, bulk_id); `procedure`: only of this."""
    statement = select(BulkJob).order_by(BulkJob.created_at.desc(), BulkJob.bulk_id.desc())
    if procedure is not None:
        statement = statement.where(BulkJob.procedure == procedure)
    if before is not None:
        statement = statement.where(tuple_(BulkJob.created_at, BulkJob.bulk_id) < before)
    return (await session.scalars(statement.limit(limit))).all()


async def results(
    session: AsyncSession, bulk_id: str, *, limit: int, after: int | None, status: TargetStatus | None
) -> Bounded:
    """Read up to `limit` stations of a job with their calls, in order; rows have BulkTarget and Call."""
    statement = select(BulkTarget, Call).join(Call, Call.call_id == BulkTarget.call_id, isouter=True)
    statement = statement.where(BulkTarget.bulk_id == bulk_id, BulkTarget.position > (after or 0))
    if status is not None:
        statement = statement.where(BulkTarget.status == status.value)
    size = func.coalesce(Call.size, 0) + case((BulkTarget.refusal.is_(None), _ROW_BYTES), else_=2 * _ROW_BYTES)
    ordered = statement.order_by(BulkTarget.position)
    wide = cast("Select[Any]", ordered)
    return await bounded.read(session, wide, size, limit=limit, most_bytes=MAX_PAGE_BYTES, mappings=True)


async def delete_old(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete the oldest job that was over before that moment, with up to `limit` of its stations; return how many."""
    old = select(BulkJob.bulk_id).where(BulkJob.finished_at < before).order_by(BulkJob.finished_at).limit(1)
    bulk_id = await session.scalar(old.with_for_update(skip_locked=True))
    if bulk_id is None:
        return 0
    which = select(BulkTarget.position).where(BulkTarget.bulk_id == bulk_id).limit(limit)
    positions = (await session.scalars(which)).all()
    gone = delete(BulkTarget).where(BulkTarget.bulk_id == bulk_id, BulkTarget.position.in_(positions))
    await session.execute(gone.execution_options(synchronize_session=False))
    if len(positions) < limit:
        await session.execute(delete(BulkJob).where(BulkJob.bulk_id == bulk_id))
    return limit  # there may be more: of this job, or other jobs
