"""Statements on `meter_values`, and on `meter_value_bytes`: a station's oldest messages give way to its newest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from csms_db.sql import insert
from csms_runtime import metrics
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.store.tables import meter_value_bytes, meter_values
from csms_transactions.work import MeterValuesWork

ROW_BYTES = 250
"""What a row takes beside its payload, with its indexes; about."""
STEP_ROWS = 500
"""So many rows are deleted at a time,"""
MAX_STEPS = 4
"""and so often in one transaction; a station that needs more gets it with its next message."""


async def add(session: AsyncSession, dialect: str, messages: Sequence[MeterValuesWork], most: int) -> None:
    """Store messages; those that are stored already change nothing. `most`: bytes that a station's messages may take.

    Beyond them its oldest ones are deleted, a bounded number at a time.
    """
    if not messages:
        return
    rows = {row["id"]: row for row in map(_row, messages)}
    statement = insert(dialect)(meter_values).on_conflict_do_nothing(index_elements=["id"])
    added = await session.scalars(statement.returning(meter_values.c.id), list(rows.values()))
    grown: Counter[str] = Counter()
    for row in (rows[key] for key in added):
        grown[row["station_id"]] += len(row["payload"]) + ROW_BYTES
    for station_id, excess in (await _grow(session, dialect, grown, most)).items():
        await _make_room(session, station_id, excess)


async def _grow(session: AsyncSession, dialect: str, grown: Mapping[str, int], most: int) -> dict[str, int]:
    """Note what was added; return how much too much some stations have."""
    if not grown:
        return {}
    table = meter_value_bytes
    # In one order, so that two processes cannot wait for each other.
    rows = [{"station_id": station_id, "bytes": size} for station_id, size in sorted(grown.items())]
    statement = insert(dialect)(table).values(rows)
    total = table.c.bytes + statement.excluded.bytes
    upsert = statement.on_conflict_do_update(index_elements=["station_id"], set_={"bytes": total})
    found = await session.execute(upsert.returning(table.c.station_id, table.c.bytes))
    return {station_id: size - most for station_id, size in found if size > most}


async def _make_room(session: AsyncSession, station_id: str, excess: int) -> None:
    freed = 0
    for _ in range(MAX_STEPS):
        count, size = await _delete_oldest(session, station_id, excess - freed)
        freed += size
        metrics.METER_VALUES_GAVE_WAY.inc(count)
        if not count or freed >= excess:
            break
    table = meter_value_bytes
    statement = update(table).where(table.c.station_id == station_id).values(bytes=table.c.bytes - freed)
    await session.execute(statement)


async def _delete_oldest(session: AsyncSession, station_id: str, wanted: int) -> tuple[int, int]:
    """Delete the oldest messages, up to so many bytes or a step's rows; return how many rows and bytes there were."""
    columns = meter_values.c
    oldest = select(columns.id, func.length(columns.payload) + ROW_BYTES).where(columns.station_id == station_id)
    size, chosen = 0, []
    for key, bytes_ in await session.execute(oldest.order_by(columns.timestamp).limit(STEP_ROWS)):
        if size >= wanted:
            break
        size += bytes_
        chosen.append(key)
    await session.execute(delete(meter_values).where(columns.id.in_(chosen)))
    return len(chosen), size


def _row(message: MeterValuesWork) -> dict[str, Any]:
    """A message has no number of its own: its id is a digest of who said what."""
    digest = blake2b(message.station_id.encode(), digest_size=16)
    digest.update(b"\0" + message.call.payload)
    return {
        "id": digest.hexdigest(),
        "station_id": message.station_id,
        "evse_id": message.evse_id,
        "timestamp": message.timestamp,
        "received_at": message.received_at,
        "payload": message.packed,
    }
