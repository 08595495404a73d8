"""Deleting what is older than it is to be kept, some rows at a time."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csms_db.base import UtcDateTime
from csms_db.sql import apart
from sqlalchemy import ColumnElement, Select, delete, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from csms_device_mgmt.commands.call_rows import CallState
from csms_device_mgmt.history import history_rows
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import (
    Call,
    Fault,
    Job,
    JobStep,
    Notification,
    RefusedMessage,
    Report,
    ReportPart,
    StreamValues,
)

# Stations' rows are locked before those of their history, as everybody does. What another process deleted meanwhile is
# not there any more, and counts there.

_Size = InstrumentedAttribute[int]


async def delete_calls(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` completed calls that were over before that moment; return how many."""
    old = select(Call.station_id, Call.call_id).where(
        Call.state == CallState.COMPLETED.value, Call.deadline_at < before
    )
    return await _delete(session, Call, old.order_by(Call.deadline_at).limit(limit), Call.call_id, Call.size)


async def delete_notifications(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` messages that came before that moment; return how many."""
    return await _delete_messages(session, Notification, func.length(Notification.payload), before, limit)


async def delete_refused_messages(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` refused messages that came before that moment; return how many."""
    return await _delete_messages(session, RefusedMessage, literal(0), before, limit)


async def delete_stream_values(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` messages with values of event streams that came before that moment; return how many."""
    return await _delete_messages(session, StreamValues, func.length(StreamValues.data), before, limit)


async def delete_faults(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` faults that were told before that moment; return how many."""
    at = apart(Fault.received_at)
    old = select(Fault.station_id, Fault.fault_id).where(at < apart(literal(before, UtcDateTime())))
    size = literal(history_rows.FAULT_BYTES)
    return await _delete(session, Fault, old.order_by(at).limit(limit), Fault.fault_id, size)


async def _delete_messages(
    session: AsyncSession,
    table: type[Notification | RefusedMessage | StreamValues],
    size: ColumnElement[int],
    before: datetime,
    limit: int,
) -> int:
    at = apart(table.received_at)  # as in the index
    old = select(table.station_id, table.record_id).where(at < apart(literal(before, UtcDateTime())))
    return await _delete(session, table, old.order_by(at).limit(limit), table.record_id, size)


async def delete_reports(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete reports that were begun before that moment, with up to `limit` of their parts; return how many rows."""
    key = (Report.station_id, Report.message, Report.request_id)
    found = await _held(session, key, Report.created_at, before, limit)
    of_report = tuple_(ReportPart.station_id, ReportPart.message, ReportPart.request_id)
    part = (ReportPart.station_id, ReportPart.message, ReportPart.request_id, ReportPart.seq_no)
    parts = [tuple(row) for row in await session.execute(select(*part).where(of_report.in_(found)).limit(limit))]
    await _delete_rows(session, ReportPart, tuple_(*part).in_(parts), func.length(ReportPart.entries))
    if len(parts) == limit:
        return limit  # the reports go when their parts are gone
    await session.execute(delete(Report).where(tuple_(*key).in_(found)))
    return len(found)


async def delete_jobs(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete jobs of which nothing was heard since that moment, with up to `limit` of their steps; return how many."""
    key = (Job.station_id, Job.kind, Job.request_id)
    found = await _held(session, key, Job.updated_at, before, limit)
    of_job = tuple_(JobStep.station_id, JobStep.kind, JobStep.request_id)
    steps = (await session.scalars(select(JobStep.record_id).where(of_job.in_(found)).limit(limit))).all()
    await _delete_rows(session, JobStep, JobStep.record_id.in_(steps), func.length(JobStep.detail))
    if len(steps) == limit:
        return limit  # the jobs go when their steps are gone
    await session.execute(delete(Job).where(tuple_(*key).in_(found)))
    return len(found)


async def _delete(
    session: AsyncSession,
    table: type[Any],
    old: Select[str, str],
    key: InstrumentedAttribute[str],
    size: ColumnElement[int] | _Size,
) -> int:
    """Delete the rows that `old` selects, as station and key; return how many there still were."""
    found = (await session.execute(old)).all()
    await station_rows.hold(session, {row[0] for row in found})
    return await _delete_rows(session, table, key.in_([row[1] for row in found]), size)


async def _held(
    session: AsyncSession,
    key: Sequence[InstrumentedAttribute[Any]],
    at: InstrumentedAttribute[datetime],
    before: datetime,
    limit: int,
) -> Sequence[tuple[Any, ...]]:
    """Return the keys of up to `limit` old rows, whose stations are locked: nothing is added to them any more."""
    old = select(*key).where(at < before).order_by(at).limit(limit)
    found = [tuple(row) for row in await session.execute(old)]
    await station_rows.hold(session, {row[0] for row in found})
    still = await session.execute(select(*key).where(tuple_(*key).in_(found), at < before))
    return [tuple(row) for row in still]


async def _delete_rows(
    session: AsyncSession, table: type[Any], which: ColumnElement[bool], size: ColumnElement[int] | _Size
) -> int:
    """Delete rows of history, and note for their stations what is gone; return how many there were."""
    statement = delete(table).where(which).returning(table.station_id, size)
    rows = (await session.execute(statement.execution_options(synchronize_session=False))).all()
    gone: Counter[str] = Counter()
    for station_id, bytes_ in rows:
        gone[station_id] -= bytes_ + history_rows.ROW_BYTES
    if gone:
        await history_rows.grow(session, gone)
    return len(rows)
