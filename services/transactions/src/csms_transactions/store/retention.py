"""Deletes data that was kept long enough, some rows at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from csms_db.engine import WriteSession
from csms_db.sql import lock_order
from sqlalchemy import Table, case, delete, func, select, tuple_, update

from csms_transactions.store.meter_values import ROW_BYTES
from csms_transactions.store.tables import (
    authorizations,
    conflicting_events,
    meter_value_bytes,
    meter_values,
    status_checks,
    transaction_events,
    transactions,
)

STATIONS = 200
"""Stations whose meter values are looked at in one transaction."""


async def delete_transactions(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete ended transactions that began before that moment, with up to `limit` of their events; return how many."""
    old = (
        select(transactions.c.id)
        .where(transactions.c.state == "Ended", transactions.c.started_at < before, transactions.c.ended_at < before)
        .order_by(transactions.c.started_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(old)).all()
    for table in (transaction_events, conflicting_events, authorizations):
        if await _delete_some(session, table, found, limit) == limit:
            return limit  # the transactions go when their events are gone
    for table, column in ((status_checks, "transaction"), (transactions, "id")):
        await session.execute(delete(table).where(table.c[column].in_(found)))
    return len(found)


async def _delete_some(session: WriteSession, table: Table, found: Sequence[str], limit: int) -> int:
    key = tuple_(*table.primary_key.columns)
    chosen = select(*table.primary_key.columns).where(table.c.transaction.in_(found)).limit(limit)
    rows = [tuple(row) for row in await session.execute(chosen)]
    await session.execute(delete(table).where(key.in_(rows)))
    return len(rows)


class OldMeterValues:
    """Deletes old MeterValues messages, some stations at a time, so that no index but theirs is needed."""

    def __init__(self) -> None:
        self._after = ""

    async def delete(self, session: WriteSession, before: datetime, limit: int) -> int:
        """Delete up to `limit` messages of the next stations, measured and received before that moment.

        Returns how many. Begins anew behind the last station.
        """
        stations = await self._next(session)
        columns = meter_values.c
        old = select(columns.id).where(
            columns.station_id.in_(stations), columns.timestamp < before, columns.received_at < before
        )
        found = (await session.scalars(old.limit(limit))).all()
        gone = delete(meter_values).where(columns.id.in_(found))
        rows = await session.execute(gone.returning(columns.station_id, func.length(columns.payload)))
        freed: Counter[str] = Counter()
        for station_id, size in rows:
            freed[station_id] += size + ROW_BYTES
        await _note(session, freed)
        if len(found) < limit:
            self._after = stations[-1] if len(stations) == STATIONS else ""
        return len(found)

    async def _next(self, session: WriteSession) -> Sequence[str]:
        """The next stations, locked: nothing is added to them meanwhile."""
        table = meter_value_bytes.c
        key = lock_order(table.station_id)[0]
        chosen = select(table.station_id).where(key > self._after).order_by(key).limit(STATIONS)
        return (await session.scalars(chosen.with_for_update())).all()


async def _note(session: WriteSession, freed: Mapping[str, int]) -> None:
    table = meter_value_bytes
    if freed:
        sizes = case(freed, value=table.c.station_id)
        changed = update(table).where(table.c.station_id.in_(freed)).values(bytes=table.c.bytes - sizes)
        await session.execute(changed)
        await session.execute(delete(table).where(table.c.station_id.in_(freed), table.c.bytes <= 0))
