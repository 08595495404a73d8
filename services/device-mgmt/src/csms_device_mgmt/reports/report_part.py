"""Taking a part of a report. Parts may be repeated, come in any order, or come unasked."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import orjson
from csms_db.packed import pack, unpack

from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.assembly import ReportStatus
from csms_device_mgmt.reports.series import Series
from csms_device_mgmt.station_message import Answer, Handler, StationMessage
from csms_device_mgmt.tables import Report
from csms_device_mgmt.unit import Unit


class Taken(NamedTuple):
    """A part that was stored."""

    report: Report
    entries: list[Any]
    """Of this part, without secrets."""
    completed: bool
    """Whether the report became complete with it."""
    repeated: bool = False
    """Whether a part of that number was there that said something else."""


async def take_part(unit: Unit, message: StationMessage, series: Series) -> Taken:
    """Store a part and see whether its report is complete. The same part again changes nothing."""
    payload = await message.redacted()
    report = await _report(unit, message, series)
    entries = series.entries(payload)
    stored = await message.work(partial(_stored, entries))
    seq_no = await _seq_no(unit, report, payload, stored)
    part = {
        "station_id": message.station_id,
        "message": series.message,
        "request_id": report.request_id,
        "seq_no": seq_no,
        "tbc": payload.get("tbc", False),
        "entries": stored.packed,
        "entry_count": len(entries),
        "size": stored.size,
        "digest": None if "seqNo" in payload else stored.digest,
        "received_at": message.received_at,
    }
    report.first_part_at = min(report.first_part_at or message.received_at, message.received_at)
    before = await report_rows.stored_size(unit.session, report, seq_no)
    repeated = before is not None and await _differs(unit, message, report, seq_no, stored)
    await report_rows.add_part(unit.session, part)
    unit.kept(message.station_id, len(stored.packed), instead_of=before and before.bytes)
    report.entry_count += len(entries) - (before.entries if before else 0)
    is_complete = await report_rows.note_part(unit.session, report, seq_no, tbc=part["tbc"])
    return Taken(report, entries, _progress(message, report, is_complete=is_complete), repeated)


class _Stored(NamedTuple):
    """A part's entries as they are stored."""

    packed: bytes
    size: int
    digest: str


def _stored(entries: list[Any]) -> _Stored:
    text = orjson.dumps(entries)
    return _Stored(pack(text), len(text), hashlib.sha256(text).hexdigest())


async def _differs(unit: Unit, message: StationMessage, report: Report, seq_no: int, stored: _Stored) -> bool:
    """Whether the part that is stored says something else, or the same in another order."""
    found = await report_rows.packed_entries(unit.session, report, seq_no)
    if found is None or found == stored.packed:
        return False
    return await message.work(lambda: hashlib.sha256(unpack(found)).hexdigest()) != stored.digest


async def _report(unit: Unit, message: StationMessage, series: Series) -> Report:
    key = (message.station_id, message.payload["requestId"])
    found = await report_rows.find(unit.session, *key, message=series.message, lock=True)
    if found is not None:
        return found
    unit.kept(message.station_id, 0)
    return await report_rows.begin(unit.session, *key, message=series.message, kind=None, call_id=None, now=unit.now)


async def _seq_no(unit: Unit, report: Report, payload: Mapping[str, Any], stored: _Stored) -> int:
    """Return the part's number; where the message has none, parts count as they come, and an equal one is a repeat."""
    if "seqNo" in payload:
        seq_no: int = payload["seqNo"]
        return seq_no
    return await report_rows.number_of(unit.session, report, stored.digest)


def _progress(message: StationMessage, report: Report, *, is_complete: bool) -> bool:
    was_complete = report.status == ReportStatus.COMPLETE
    status = ReportStatus.COMPLETE if is_complete else ReportStatus.RECEIVING
    report.status = status.value
    if "generatedAt" in message.payload:
        report.generated_at = message.moment(message.payload["generatedAt"])
    completed = status is ReportStatus.COMPLETE and not was_complete
    if completed:
        report.completed_at = message.received_at
    return completed


def assembled(series: Series) -> Handler:
    """Return the handler of a message that is recorded and assembled, and otherwise only answered."""

    async def handle(unit: Unit, message: StationMessage) -> Answer:
        await record(unit, message)
        await take_part(unit, message, series)
        return {}

    return handle
