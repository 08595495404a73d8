"""GET /transactions as CSV or JSON lines: all transactions of a filter, in its order."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from csms_db.engine import Database
from csms_runtime import heavy
from csms_runtime.http.export import Format, Parts, csv_lines, jsonl_lines
from csms_runtime.texts import escaped_json

from csms_transactions.http.models import TransactionItem
from csms_transactions.store import listing
from csms_transactions.store.filters import Filter, TransactionSort
from csms_transactions.store.listing import Place
from csms_transactions.store.queries import Row

PAGE = 500
"""Rows in memory at a time."""
_ROW_BYTES = 1000
"""About so much of an answer is a row."""
COLUMNS = (
    "id",
    "station_id",
    "transaction_id",
    "state",
    "evse_id",
    "connector_id",
    "id_token",
    "id_token_type",
    "group_id_token",
    "group_id_token_type",
    "stop_id_token",
    "stop_id_token_type",
    "started_at",
    "ended_at",
    "updated_at",
    "charging_state",
    "time_spent_charging",
    "time_spent_charging_derived",
    "meter_start",
    "meter_stop",
    "energy_wh",
    "energy_quality",
    "energy_notes",
    "cost",
    "currency",
    "stopped_reason",
    "remote_start_id",
    "reservation_id",
    "number_of_phases_used",
    "offline_events",
    "event_count",
    "conflicts",
    "last_seq_no",
    "gaps",
    "started_missing",
    "closed_at",
    "close_reason",
    "closed_by",
    "revision",
    "details",
)
"""Of the CSV, in this order for ever: new ones come at the end."""


async def lines(database: Database, filters: Filter, order: TransactionSort, kind: Format, most: int | None) -> Parts:
    """Yield an export in parts; `most`: transactions. Raises DatabaseUnavailable, which breaks the answer off."""
    head = csv_lines([COLUMNS]) if kind is Format.CSV else b""
    write = _csv if kind is Format.CSV else _jsonl
    async for rows in _pages(database, filters, order, most):
        yield head + await heavy.run(len(rows) * _ROW_BYTES, partial(write, rows))
        head = b""
    if head:
        yield head


async def _pages(
    database: Database, filters: Filter, order: TransactionSort, most: int | None
) -> AsyncIterator[Sequence[Row]]:
    after: Place | None = None
    left = most
    while left is None or left > 0:
        wanted = PAGE if left is None else min(PAGE, left)
        async with database.reading() as session:
            found = await listing.find(session, filters, order, after=after, limit=wanted)
        if found.rows:
            yield found.rows
        if left is not None:
            left -= len(found.rows)
        if found.resume is not None:
            after = found.resume
        elif len(found.rows) < wanted:
            return
        else:
            after = Place.of(found.rows[-1], order)


def _csv(rows: Sequence[Row]) -> bytes:
    return csv_lines(map(_cells, map(TransactionItem.of, rows)))


def _cells(item: TransactionItem) -> list[Any]:
    values = item.__dict__
    gaps = "; ".join(str(gap.first) if gap.first == gap.last else f"{gap.first}..{gap.last}" for gap in item.gaps)
    flat = {"gaps": gaps, "energy_notes": "; ".join(item.energy_notes)}
    return [flat[name] if name in flat else values[name] for name in COLUMNS]


def _jsonl(rows: Sequence[Row]) -> bytes:
    return jsonl_lines(map(TransactionItem.of, rows), lambda item: escaped_json(item.model_dump_json()))
