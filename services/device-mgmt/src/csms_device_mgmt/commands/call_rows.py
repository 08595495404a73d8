"""Rows of calls to stations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.sql import dialect_of, insert, lock_order
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import Text, case, cast, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from csms_device_mgmt.tables import Call


class CallState(StrEnum):
    """Whether something may still come of a call."""

    WAITING = "waiting"
    """For its station to come back; nothing was sent."""
    OPEN = "open"
    COMPLETED = "completed"


class CallOutcome(StrEnum):
    """What became of a call."""

    RESULT = "result"
    ERROR = "error"
    TIMEOUT = "timeout"
    """The station did not answer in time, or (without `sent_at`) it waited too long, and was never sent."""
    UNKNOWN = "unknown"
    """The station may have got it, and nobody knows what came of it."""
    NOT_CONNECTED = "not_connected"
    """It was never sent: the station has no connection."""
    CANCELLED = "cancelled"
    """It was never sent: it waited for its station, and somebody cancelled it, or a newer one replaced it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What became of a call, and when."""

    outcome: CallOutcome
    completed_at: datetime
    sent_at: datetime | None = None
    response: Mapping[str, Any] | None = None
    error: dict[str, Any] | None = None

    @property
    def never_sent(self) -> bool:
        """Whether the station surely has not got it. Who tells of anything else but `unknown` says when it was sent."""
        return self.outcome in {CallOutcome.NOT_CONNECTED, CallOutcome.CANCELLED} or (
            self.sent_at is None and self.outcome in {CallOutcome.TIMEOUT, CallOutcome.ERROR}
        )

    @property
    def certainty(self) -> int:
        """How much is known: what a gateway knows replaces what was assumed, an answer of the station replaces all."""
        return _certainty(self.outcome, is_sent=self.sent_at is not None)

    def columns(self) -> dict[str, Any]:
        """Return the columns it sets."""
        return {
            "state": CallState.COMPLETED.value,
            "outcome": self.outcome.value,
            "response": self.response,
            "error": self.error,
            "sent_at": self.sent_at,
            "completed_at": self.completed_at,
        }


def _certainty(outcome: CallOutcome, *, is_sent: bool) -> int:
    if outcome in {CallOutcome.RESULT, CallOutcome.ERROR}:
        return 2
    # An unknown outcome without a time of sending: no gateway told anything in time.
    return 0 if outcome is CallOutcome.UNKNOWN and not is_sent else 1


@cache  # made anew for each call, it would cost more than its execution
def _inserting(dialect: str) -> ReturningInsert[Call]:
    return insert(dialect)(Call).on_conflict_do_nothing().returning(Call)


async def add(session: AsyncSession, columns: dict[str, Any]) -> Call | None:
    """Record a call and return its row; None when its id, or the station's idempotency key, is there already."""
    return (await session.scalars(_inserting(dialect_of(session)), [columns])).one_or_none()


async def find(session: AsyncSession, call_id: str) -> Call | None:
    """Return the call's row, or None."""
    return await session.get(Call, call_id)


async def lock(session: AsyncSession, call_id: str) -> Call | None:
    """Return the call's row as it is now, locked until the transaction ends, or None."""
    return await session.get(Call, call_id, with_for_update=True)


async def lock_all(session: AsyncSession, call_ids: Collection[str]) -> dict[str, Call]:
    """Return the calls' rows as they are now, locked until the transaction ends, by their ids."""
    statement = select(Call).where(Call.call_id.in_(call_ids)).order_by(*lock_order(Call.call_id))
    rows = await session.scalars(statement.with_for_update().execution_options(populate_existing=True))
    return {row.call_id: row for row in rows}


async def by_key(session: AsyncSession, station_id: str, idempotency_key: str) -> Call | None:
    """Return the station's call with that idempotency key, or None."""
    statement = select(Call).where(Call.station_id == station_id, Call.idempotency_key == idempotency_key)
    return (await session.scalars(statement)).one_or_none()


def complete(row: Call, completion: Completion, *, size: int = 0) -> bool:
    """Note what became of a call, whose row is locked, in its row; True when that is news. `size`: see the row.

    The first outcome that a gateway tells counts, and replaces what was assumed when none came in time. An answer of
    the station replaces everything, for it may come late; nothing replaces an answer. A call that was never sent gives
    its idempotency key back: a repeat of the request sends anew.
    """
    if not _is_news(row, completion):
        return False
    for name, value in completion.columns().items():
        setattr(row, name, value)
    row.size = size
    if completion.never_sent:
        row.idempotency_key = None
    return True


def _is_news(row: Call, completion: Completion) -> bool:
    if row.state == CallState.WAITING:  # whoever stopped waiting for its answer knows less
        return completion.outcome is not CallOutcome.UNKNOWN
    if row.state == CallState.OPEN or row.outcome is None:
        return True
    return completion.certainty > _certainty(CallOutcome(row.outcome), is_sent=row.sent_at is not None)


async def page(
    session: AsyncSession,
    station_id: str,
    *,
    limit: int,
    before: tuple[datetime, str] | None,
    most_bytes: int = MAX_PAGE_BYTES,
) -> Bounded:
    """Read up to `limit` calls, the newest first, those before (created_at, call_id)."""
    statement = select(Call).where(Call.station_id == station_id)
    if before is not None:
        statement = statement.where(tuple_(Call.created_at, Call.call_id) < before)
    order = (Call.created_at.desc(), Call.call_id.desc())
    size = Call.size + case((Call.size == 0, func.length(cast(Call.request, Text))), else_=0)
    return await bounded.read(session, statement.order_by(*order), size, limit=limit, most_bytes=most_bytes)


async def overdue(session: AsyncSession, *, deadline_before: datetime, limit: int) -> Mapping[str, str]:
    """Return up to `limit` open calls whose deadline passed before that moment, the oldest first: id → station."""
    statement = (
        select(Call.call_id, Call.station_id)
        .where(Call.state == CallState.OPEN.value, Call.deadline_at < deadline_before)
        .order_by(Call.deadline_at)
        .limit(limit)
    )
    return {row.call_id: row.station_id for row in await session.execute(statement)}


async def expire(session: AsyncSession, call_ids: Collection[str], now: datetime) -> Sequence[Call]:
    """Mark those of these calls that are open as of unknown outcome, and return them."""
    statement = (
        update(Call)
        .where(Call.call_id.in_(call_ids), Call.state == CallState.OPEN.value)
        .values(**Completion(CallOutcome.UNKNOWN, now).columns())
        .returning(Call)
    )
    return (await session.scalars(statement)).all()


async def since(
    session: AsyncSession, station_id: str, moment: datetime, actions: Collection[str]
) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Return action and request of the newest hundred calls of these actions, ordered for a station since a moment."""
    found = select(Call.action, Call.request).where(
        Call.station_id == station_id, Call.created_at >= moment, Call.action.in_(sorted(actions))
    )
    rows = await session.execute(found.order_by(Call.created_at.desc()).limit(100))
    return [(action, request) for action, request in rows]
