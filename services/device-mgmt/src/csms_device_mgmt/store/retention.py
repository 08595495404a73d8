"""Deleting what is older than it is to be kept, some rows at a time."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.store import history
from csms_device_mgmt.store.calls import CallState
from csms_device_mgmt.store.tables import Call, Job, JobStep, Notification, RefusedMessage, Report, ReportPart

# Rows that another process is deleting are left to it.


async def delete_calls(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` completed calls that were over before that moment; return how many."""
    chosen = (
        select(Call.station_id, Call.size, Call.call_id)
        .where(Call.state == CallState.COMPLETED.value, Call.deadline_at < before)
        .order_by(Call.deadline_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.execute(chosen)).all()
    await session.execute(delete(Call).where(Call.call_id.in_([row.call_id for row in found])))
    await _shrink(session, found)
    return len(found)


async def delete_notifications(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` messages that came before that moment; return how many."""
    return await _delete_messages(session, Notification, func.length(Notification.payload), before, limit)


async def delete_refused_messages(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` refused messages that came before that moment; return how many."""
    return await _delete_messages(session, RefusedMessage, literal(0), before, limit)


async def _delete_messages(
    session: AsyncSession,
    table: type[Notification | RefusedMessage],
    size: ColumnElement[int],
    before: datetime,
    limit: int,
) -> int:
    chosen = (
        select(table.station_id, size, table.record_id)
        .where(table.received_at < before)
        .order_by(table.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [tuple(row) for row in await session.execute(chosen)]
    await session.execute(delete(table).where(table.record_id.in_([record_id for *_, record_id in found])))
    await _shrink(session, found)
    return len(found)


async def delete_reports(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete reports that were begun before that moment, with up to `limit` of their parts; return how many rows."""
    key = (Report.station_id, Report.message, Report.request_id)
    old = select(*key).where(Report.created_at < before).order_by(Report.created_at).limit(limit)
    found = [tuple(row) for row in await session.execute(old.with_for_update(skip_locked=True))]
    of_report = tuple_(ReportPart.station_id, ReportPart.message, ReportPart.request_id)
    part = (ReportPart.station_id, ReportPart.message, ReportPart.request_id, ReportPart.seq_no)
    size = func.length(ReportPart.entries)
    parts = (await session.execute(select(part[0], size, *part[1:]).where(of_report.in_(found)).limit(limit))).all()
    chosen = [(row[0], *row[2:]) for row in parts]
    await session.execute(delete(ReportPart).where(tuple_(*part).in_(chosen)))
    await _shrink(session, parts)
    if len(parts) == limit:
        return limit  # the reports go when their parts are gone
    await session.execute(delete(Report).where(tuple_(*key).in_(found)))
    return len(found)


async def delete_jobs(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete jobs of which nothing was heard since that moment, with up to `limit` of their steps; return how many."""
    key = (Job.station_id, Job.kind, Job.request_id)
    old = select(*key).where(Job.updated_at < before).order_by(Job.updated_at).limit(limit)
    found = [tuple(row) for row in await session.execute(old.with_for_update(skip_locked=True))]
    of_job = tuple_(JobStep.station_id, JobStep.kind, JobStep.request_id)
    chosen = select(JobStep.station_id, func.length(JobStep.detail), JobStep.record_id).where(of_job.in_(found))
    steps = (await session.execute(chosen.limit(limit))).all()
    await session.execute(delete(JobStep).where(JobStep.record_id.in_([row.record_id for row in steps])))
    await _shrink(session, steps)
    if len(steps) == limit:
        return limit  # the jobs go when their steps are gone
    await session.execute(delete(Job).where(tuple_(*key).in_(found)))
    return len(found)


async def _shrink(session: AsyncSession, rows: Sequence[Any]) -> None:
    """Note that rows of history are gone; they begin with the station and the size."""
    gone: Counter[str] = Counter()
    for row in rows:
        gone[row[0]] -= row[1] + history.ROW_BYTES
    if gone:
        await history.grow(session, gone)
