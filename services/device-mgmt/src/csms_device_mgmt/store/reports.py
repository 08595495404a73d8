"""Rows of reports and their parts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csms_db.sql import insert
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.domain.reports import ReportStatus
from csms_device_mgmt.store.tables import Report, ReportPart


async def find(session: AsyncSession, station_id: str, request_id: int, *, lock: bool = False) -> Report | None:
    """Return the report's row, or None; with `lock`, nobody else changes it until the transaction ends."""
    return await session.get(Report, (station_id, request_id), with_for_update=lock or None)


async def begin(
    session: AsyncSession, station_id: str, request_id: int, *, kind: str | None, call_id: str | None, now: datetime
) -> Report:
    """Begin a report. An earlier one with the same requestId is forgotten: its parts would mix with the new ones."""
    row = await find(session, station_id, request_id)
    if row is not None:
        await _forget(session, row)
    row = Report(
        station_id=station_id,
        request_id=request_id,
        kind=kind,
        call_id=call_id,
        status=ReportStatus.REQUESTED.value,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    return row


async def _forget(session: AsyncSession, row: Report) -> None:
    where = (ReportPart.station_id == row.station_id, ReportPart.request_id == row.request_id)
    await session.execute(delete(ReportPart).where(*where))
    await session.delete(row)
    await session.flush()


async def add_part(session: AsyncSession, columns: dict[str, Any]) -> None:
    """Store a part; one with the same seqNo is replaced."""
    statement = insert(session, ReportPart).values(**columns)
    new = statement.excluded
    changed = {name: new[name] for name in ("tbc", "entries", "received_at")}
    keys = ["station_id", "request_id", "seq_no"]
    await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


async def part_numbers(session: AsyncSession, station_id: str, request_id: int) -> list[tuple[int, bool]]:
    """Return (seqNo, tbc) of each part."""
    statement = select(ReportPart.seq_no, ReportPart.tbc).where(
        ReportPart.station_id == station_id, ReportPart.request_id == request_id
    )
    return [(seq_no, tbc) for seq_no, tbc in await session.execute(statement)]


async def entries(session: AsyncSession, station_id: str, request_id: int) -> list[dict[str, Any]]:
    """Return the reportData of all parts in order of seqNo."""
    statement = (
        select(ReportPart.entries)
        .where(ReportPart.station_id == station_id, ReportPart.request_id == request_id)
        .order_by(ReportPart.seq_no)
    )
    return [entry for part in await session.scalars(statement) for entry in part]


async def page(session: AsyncSession, station_id: str, *, limit: int, before: int | None) -> Sequence[Report]:
    """Return up to `limit` reports, the highest requestId first, those below `before`."""
    statement = select(Report).where(Report.station_id == station_id).order_by(Report.request_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Report.request_id < before)
    return (await session.scalars(statement)).all()
