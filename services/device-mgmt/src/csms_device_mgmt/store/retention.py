"""Deleting what is older than it is to be kept, some rows at a time."""

from datetime import datetime

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.store.calls import CallState
from csms_device_mgmt.store.tables import Call, Job, JobStep, Notification, RefusedMessage, Report, ReportPart

# Rows that another process is deleting are left to it.


async def delete_calls(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` completed calls that were over before that moment; return how many."""
    chosen = (
        select(Call.call_id)
        .where(Call.state == CallState.COMPLETED.value, Call.deadline_at < before)
        .order_by(Call.deadline_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(chosen)).all()
    await session.execute(delete(Call).where(Call.call_id.in_(found)))
    return len(found)


async def delete_notifications(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` messages that came before that moment; return how many."""
    return await _delete_messages(session, Notification, before, limit)


async def delete_refused_messages(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` refused messages that came before that moment; return how many."""
    return await _delete_messages(session, RefusedMessage, before, limit)


async def _delete_messages(
    session: AsyncSession, table: type[Notification | RefusedMessage], before: datetime, limit: int
) -> int:
    chosen = (
        select(table.record_id)
        .where(table.received_at < before)
        .order_by(table.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(chosen)).all()
    await session.execute(delete(table).where(table.record_id.in_(found)))
    return len(found)


async def delete_reports(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` reports that were begun before that moment, with their parts; return how many."""
    key = (Report.station_id, Report.message, Report.request_id)
    chosen = (
        select(*key)
        .where(Report.created_at < before)
        .order_by(Report.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [tuple(row) for row in await session.execute(chosen)]
    of_parts = tuple_(ReportPart.station_id, ReportPart.message, ReportPart.request_id)
    await session.execute(delete(ReportPart).where(of_parts.in_(found)))
    await session.execute(delete(Report).where(tuple_(*key).in_(found)))
    return len(found)


async def delete_jobs(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` jobs of which nothing was heard since that moment, with their steps; return how many."""
    key = (Job.station_id, Job.kind, Job.request_id)
    chosen = (
        select(*key)
        .where(Job.updated_at < before)
        .order_by(Job.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [tuple(row) for row in await session.execute(chosen)]
    of_steps = tuple_(JobStep.station_id, JobStep.kind, JobStep.request_id)
    await session.execute(delete(JobStep).where(of_steps.in_(found)))
    await session.execute(delete(Job).where(tuple_(*key).in_(found)))
    return len(found)
