"""Rows of reports and their parts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from csms_db.sql import insert
from sqlalchemy import ColumnElement, LargeBinary, delete, func, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.reports.assembly import ReportStatus
from csms_device_mgmt.reports.series import DEVICE_MODEL
from csms_device_mgmt.tables import Report, ReportPart

NOTIFY_REPORT = DEVICE_MODEL.message
_STEP_PARTS = 500


async def find(
    session: AsyncSession, station_id: str, request_id: int, *, message: str = NOTIFY_REPORT, lock: bool = False
) -> Report | None:
    """Return the report's row, or None; with `lock`, nobody else changes it until the transaction ends.

    `message` is the kind of report: requestIds of one kind say nothing about another (see reports.series).
    """
    return await session.get(Report, (station_id, message, request_id), with_for_update=lock or None)


async def of_call(session: AsyncSession, station_id: str, call_id: str) -> Report | None:
    """Return the report of the device model that a call asked for, or None; nobody else changes it meanwhile."""
    which = (Report.station_id == station_id, Report.message == NOTIFY_REPORT, Report.call_id == call_id)
    found: Report | None = await session.scalar(select(Report).where(*which).with_for_update())
    return found


async def begin(
    session: AsyncSession,
    station_id: str,
    request_id: int,
    *,
    kind: str | None,
    call_id: str | None,
    now: datetime,
    message: str = NOTIFY_REPORT,
) -> Report:
    """Begin a report. An earlier one with the same requestId is forgotten: its parts would mix with the new ones."""
    row = await find(session, station_id, request_id, message=message)
    if row is not None:
        await _forget(session, row)
    row = Report(
        station_id=station_id,
        message=message,
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
    await session.execute(delete(ReportPart).where(*_of(row)))
    await session.delete(row)
    await session.flush()


def _of(row: Report) -> tuple[ColumnElement[bool], ...]:
    return (
        ReportPart.station_id == row.station_id,
        ReportPart.message == row.message,
        ReportPart.request_id == row.request_id,
    )


async def add_part(session: AsyncSession, columns: dict[str, Any]) -> None:
    """Store a part; one with the same seqNo is replaced."""
    statement = insert(session, ReportPart).values(**columns)
    keys = ["station_id", "message", "request_id", "seq_no"]
    changed = {name: statement.excluded[name] for name in columns if name not in keys}
    await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


class PartSize(NamedTuple):
    """What is stored of a part."""

    bytes: int
    entries: int


async def stored_size(session: AsyncSession, row: Report, seq_no: int) -> PartSize | None:
    """Return how much is stored of a part; None: nothing."""
    size = select(func.length(ReportPart.entries), ReportPart.entry_count).where(*_of(row), ReportPart.seq_no == seq_no)
    found = (await session.execute(size)).first()
    return None if found is None else PartSize(*found)


async def packed_entries(session: AsyncSession, row: Report, seq_no: int) -> bytes | None:
    """Return the entries of a part as they are stored (`csms_db.packed`), for to read them takes six times as much."""
    entries = type_coerce(ReportPart.entries, LargeBinary)
    found: bytes | None = await session.scalar(select(entries).where(*_of(row), ReportPart.seq_no == seq_no))
    return found


async def number_of(session: AsyncSession, row: Report, digest: str) -> int:
    """Return the seqNo of a part with that digest, or the one after the highest there is."""
    same = select(ReportPart.seq_no).where(*_of(row), ReportPart.digest == digest).limit(1)
    found: int | None = await session.scalar(same)
    if found is None:
        numbers = select(ReportPart.seq_no).where(*_of(row))
        highest: int | None = await session.scalar(numbers.order_by(ReportPart.seq_no.desc()).limit(1))
        found = 0 if highest is None else highest + 1
    return found


async def note_part(session: AsyncSession, row: Report, seq_no: int, *, tbc: bool) -> bool:
    """Note that a part is stored; return whether every part is there, as `assembly.assemble` judges it.

    Costs the same however many parts there are: each is looked at once, when those before it are there. A station that
    takes back which part is the last one has to tell anew.
    """
    if not tbc:
        row.last_seq_no = seq_no if row.last_seq_no is None else max(row.last_seq_no, seq_no)
    elif row.last_seq_no == seq_no:
        row.last_seq_no = None
    if seq_no == row.parts_in_row:
        row.parts_in_row = await _in_row(session, row, seq_no + 1)
    return row.last_seq_no is not None and row.parts_in_row > row.last_seq_no


async def _in_row(session: AsyncSession, row: Report, number: int) -> int:
    """Return the first seqNo from a number on of which there is no part."""
    while True:
        following = select(ReportPart.seq_no).where(*_of(row), ReportPart.seq_no >= number)
        found = (await session.scalars(following.order_by(ReportPart.seq_no).limit(_STEP_PARTS))).all()
        for seq_no in found:
            if seq_no != number:
                return number
            number += 1
        if len(found) < _STEP_PARTS:
            return number


async def part_numbers(session: AsyncSession, row: Report) -> list[tuple[int, bool]]:
    """Return (seqNo, tbc) of each part."""
    statement = select(ReportPart.seq_no, ReportPart.tbc).where(*_of(row))
    return [(seq_no, tbc) for seq_no, tbc in await session.execute(statement)]


async def part_sizes(session: AsyncSession, row: Report, after: int | None, limit: int) -> list[tuple[int, int]]:
    """Return (seqNo, size in bytes) of up to `limit` parts in order of seqNo, those after `after`."""
    statement = select(ReportPart.seq_no, ReportPart.size).where(*_of(row)).order_by(ReportPart.seq_no).limit(limit)
    if after is not None:
        statement = statement.where(ReportPart.seq_no > after)
    return [(seq_no, size) for seq_no, size in await session.execute(statement)]


async def entries(session: AsyncSession, row: Report, numbers: Collection[int]) -> list[Any]:
    """Return the entries of these parts in order of seqNo."""
    if not numbers:
        return []
    among = ReportPart.seq_no.between(min(numbers), max(numbers))
    statement = select(ReportPart.entries).where(*_of(row), among).order_by(ReportPart.seq_no)
    return [entry for part in await session.scalars(statement) for entry in part]


async def page(
    session: AsyncSession, station_id: str, *, limit: int, before: int | None, message: str = NOTIFY_REPORT
) -> Sequence[Report]:
    """Return up to `limit` reports of a kind, the highest requestId first, those below `before`."""
    of_kind = select(Report).where(Report.station_id == station_id, Report.message == message)
    statement = of_kind.order_by(Report.request_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(Report.request_id < before)
    return (await session.scalars(statement)).all()
