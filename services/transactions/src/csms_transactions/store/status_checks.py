"""Statements on `status_checks`: transactions that may have ended, and when their station is asked."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from csms_db.direct import Direct
from csms_db.sql import insert
from csms_db.statements import Lookup, Upsert
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.closing import Evidence, pause
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import State
from csms_transactions.store.tables import ACTIVE, status_checks, transactions


class Running(NamedTuple):
    """A running transaction."""

    key: str
    station_id: str
    evse_id: int | None
    started_at: datetime


class Due(NamedTuple):
    """A question that is due."""

    identity: Identity
    evidence: Evidence


_RUNNING = Lookup(
    [transactions.c[name] for name in ("id", "station_id", "evse_id", "started_at")],
    by=(transactions.c.station_id,),
    where=ACTIVE,
)
_NOTE = Upsert(
    status_checks,
    ("transaction", "evidence", "noted_at", "due_at"),
    by=("transaction",),
    changed=("evidence", "due_at"),
)


async def running_at(session: AsyncSession | Direct, station_ids: Collection[str]) -> list[Running]:
    """Return the running transactions of some stations."""
    return [Running(*row) for row in await _RUNNING.fetch(session, station_ids)]


async def note(
    session: AsyncSession | Direct, keys: Iterable[str], evidence: Evidence, now: datetime, due_at: datetime
) -> None:
    """Note evidence. The station is asked at `due_at`."""
    rows = [(key, evidence.value, now, due_at) for key in sorted(keys)]
    if rows:
        await _NOTE.execute(session, rows)


async def note_boots(session: AsyncSession, dialect: str, boots: dict[str, datetime], due_at: datetime) -> int:
    """Note that these stations booted at these times. Return how many transactions may have ended by that.

    These are the ones whose events all came, or all happened, before the boot: a queue is delivered after it. Of
    several boots the last one counts.
    """
    columns = transactions.c
    running = select(columns.id, columns.station_id, columns.updated_at, columns.last_event_at).where(
        columns.station_id.in_(sorted(boots)), columns.state == State.ACTIVE.value
    )
    found = await session.execute(running.order_by(columns.id))
    rows = [
        {"transaction": key, "evidence": Evidence.BOOT.value, "noted_at": boots[station_id], "due_at": due_at}
        for key, station_id, *times in found
        if any(at is not None and at < boots[station_id] for at in times)
    ]
    if rows:
        statement = insert(dialect)(status_checks)
        noted, new = status_checks.c, statement.excluded
        later = (noted.evidence == Evidence.BOOT.value) & (noted.noted_at < new.noted_at)
        again = statement.on_conflict_do_update(
            index_elements=["transaction"], set_={"noted_at": new.noted_at}, where=later
        )
        await session.execute(again, rows)
    return len(rows)


async def take_due(session: AsyncSession, now: datetime, limit: int) -> list[Due]:
    """Return questions that are due, and put them off until the next time. Those of ended transactions are deleted."""
    table = status_checks.c
    due = select(table.transaction, table.evidence, table.asked).where(table.due_at <= now).order_by(table.due_at)
    rows = (await session.execute(due.limit(limit).with_for_update(skip_locked=True))).all()
    keys = [row.transaction for row in rows]
    columns = transactions.c
    active = select(columns.id, columns.station_id, columns.transaction_id).where(
        columns.id.in_(keys), columns.state == State.ACTIVE.value
    )
    identities = {row.id: Identity(*row) for row in await session.execute(active)}
    await forget(session, [key for key in keys if key not in identities])
    found: list[Due] = []
    for key, evidence, asked in rows:
        if key in identities:
            values = {"asked": asked + 1, "due_at": now + pause(asked)}
            await session.execute(update(status_checks).where(table.transaction == key).values(values))
            found.append(Due(identities[key], Evidence(evidence)))
    return found


async def next_due(session: AsyncSession) -> datetime | None:
    """Return when the next question is due."""
    found = await session.execute(select(status_checks.c.due_at).order_by(status_checks.c.due_at).limit(1))
    return found.scalar_one_or_none()


async def evidence_of(session: AsyncSession, key: str) -> tuple[Evidence | None, datetime | None]:
    """Return why a transaction may have ended, and since when; None: there is no sign of it."""
    columns = status_checks.c
    found = await session.execute(select(columns.evidence, columns.noted_at).where(columns.transaction == key))
    row = found.one_or_none()
    return (None, None) if row is None else (Evidence(row.evidence), row.noted_at)


async def forget(session: AsyncSession, keys: Sequence[str]) -> None:
    """Delete the questions about these transactions."""
    if keys:
        await session.execute(delete(status_checks).where(status_checks.c.transaction.in_(keys)))
