"""Reads what the rule of uptime needs: the records of a period, and of each place the last before it."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.connections import connection_rows
from csms_history.connections.last_words import LastWords
from csms_history.tables import timeline_entries
from csms_history.timeline.entries import ORDERED
from csms_history.timeline.facts import ALL_OPERATIVE, INOPERATIVE, Kind
from csms_history.uptime import baselines
from csms_history.uptime.rule import AvailabilityOrder, Connection, Records, StatusReport

_COLUMNS = timeline_entries.c
_PLACE = (_COLUMNS.evse_id, _COLUMNS.connector_id)
_READ = (_COLUMNS.occurred_at, _COLUMNS.entry_id, *_PLACE, _COLUMNS.status)
Row = Mapping[str, Any]


async def records(
    session: AsyncSession, station_key: str, since: datetime, until: datetime, last_words: LastWords
) -> Records:
    """Read the records of a station. What is read is bounded by what is kept of a station."""
    kept = await baselines.of_station(session, station_key, until)
    found = await connection_rows.of_period(session, station_key, since, until)
    ends = await last_words.ends(session, found)
    ended = [Connection(row["at"], "", row["at"]) for row in kept if row["what"] == baselines.CONNECTION]
    connections = [
        Connection(row["begun_at"], row["connection_id"], row["closed_at"] or ends.get(row["connection_id"]))
        for row in found
    ]
    statuses = [_status(row) async for row in _entries(session, station_key, _is_status(), since, until)]
    orders = [_order(row) async for row in _entries(session, station_key, _is_order(), since, until)]
    of_old = [_of_baseline(row) for row in kept]
    return Records(
        [*ended, *connections],
        [*(_status(row) for row in of_old if row["what"] == baselines.STATUS), *statuses],
        [*(_order(row) for row in of_old if row["what"] == baselines.ORDER), *orders],
    )


def _is_status() -> Select[Any]:
    return select(*_READ).where(_COLUMNS.kind == Kind.STATUS.value)


def _is_order() -> Select[Any]:
    return select(*_READ).where(_COLUMNS.kind == Kind.CONFIGURATION.value, _COLUMNS.type == ORDERED)


async def _entries(
    session: AsyncSession, station_key: str, query: Select[Any], since: datetime, until: datetime
) -> AsyncIterator[Row]:
    """Yield those of the period, and of each place the last one before it."""
    mine = query.where(_COLUMNS.station_key == station_key)
    within = mine.where(_COLUMNS.occurred_at >= since, _COLUMNS.occurred_at < until)
    number = func.row_number().over(
        partition_by=_PLACE, order_by=(_COLUMNS.occurred_at.desc(), _COLUMNS.entry_id.desc())
    )
    before = mine.where(_COLUMNS.occurred_at < since).add_columns(number.label("number")).subquery()
    last = select(*(before.c[column.name] for column in _READ)).where(before.c.number == 1)
    for statement in (last, within):
        for row in (await session.execute(statement)).mappings():
            yield dict(row)


def _of_baseline(row: Row) -> Row:
    return {**row, "occurred_at": row["at"], "entry_id": ""}


def _status(row: Row) -> StatusReport:
    evse_id, connector_id = row["evse_id"] or 0, row["connector_id"] or 0
    return StatusReport(row["occurred_at"], row["entry_id"], evse_id, connector_id, row["status"] or "")


def _order(row: Row) -> AvailabilityOrder:
    return AvailabilityOrder(
        row["occurred_at"],
        row["entry_id"],
        row["evse_id"] or 0,
        row["connector_id"] or 0,
        operative=row["status"] != INOPERATIVE,
        with_parts=row["status"] == ALL_OPERATIVE,
    )
