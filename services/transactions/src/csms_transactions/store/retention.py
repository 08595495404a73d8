"""Deletes data that was kept long enough, some rows at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from csms_db.engine import WriteSession
from csms_db.sql import lock_order
from csms_runtime.clock import utcnow
from sqlalchemy import Table, case, delete, select, tuple_, update

from csms_transactions.store.meter_values import ROW_SIZE
from csms_transactions.store.tables import (
    authorizations,
    conflicting_events,
    meter_value_bytes,
    meter_values,
    status_checks,
    transaction_events,
    transaction_limits,
    transactions,
)

STATIONS = 200
"""Stations whose meter values are looked at in one transaction."""
ROUND = timedelta(hours=1)
"""How often all stations are looked at for old meter values."""
_EVENTS = 10
"""A transaction has about as many events: so many times fewer transactions are begun with than rows may go."""


class OldTransactions:
    """Deletes transactions that began, ended and were last changed before a moment, with all that is theirs.

    What came late counts from when it came: a late event, also of a transaction that is gone, is kept as long as any.
    """

    def __init__(self) -> None:
        self._more = False

    def unfinished(self) -> bool:
        """Whether there may be more."""
        return self._more

    async def delete(self, session: WriteSession, before: datetime, limit: int) -> int:
        """Delete the oldest, up to `limit` rows of each table, and return how many rows there were."""
        most = max(1, limit // _EVENTS)
        found, rows = await _oldest(session, before, most), 0
        self._more = len(found) == most
        for table in (transaction_events, conflicting_events, authorizations):
            gone = await _delete_some(session, table, found, limit)
            rows += gone
            if gone == limit:
                return rows  # the transactions go when their events are gone
        for table, column in (
            (status_checks, "transaction"),
            (transaction_limits, "transaction"),
            (transactions, "id"),
        ):
            await session.execute(delete(table).where(table.c[column].in_(found)))
        return rows + len(found)


async def _oldest(session: WriteSession, before: datetime, most: int) -> Sequence[str]:
    columns = transactions.c
    old = (
        select(columns.id)
        .where(columns.state == "Ended", columns.started_at < before)
        .where(columns.ended_at < before, columns.updated_at < before)
        .order_by(columns.started_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(old)).all()


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
        self._rests_until: datetime | None = None

    async def delete(self, session: WriteSession, before: datetime, limit: int) -> int:
        """Delete up to `limit` messages of the next stations, measured and received before that moment.

        Returns how many. Behind the last station it rests, and begins anew.
        """
        if self._rests_until is not None and utcnow() < self._rests_until:
            return 0
        stations = await self._next(session)
        columns = meter_values.c
        old = select(columns.id).where(
            columns.station_id.in_(stations), columns.timestamp < before, columns.received_at < before
        )
        found = (await session.scalars(old.limit(limit))).all()
        gone = delete(meter_values).where(columns.id.in_(found))
        rows = await session.execute(gone.returning(columns.station_id, ROW_SIZE))
        freed: Counter[str] = Counter()
        for station_id, size in rows:
            freed[station_id] += size
        await _note(session, freed)
        if len(found) < limit:
            self._after = stations[-1] if len(stations) == STATIONS else ""
            self._rests_until = None if self._after else utcnow() + ROUND
        return len(found)

    def unfinished(self) -> bool:
        """Whether not all stations have been looked at in this round."""
        return bool(self._after)

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
