"""Rows of `webhook_deliveries`: what is to be sent, what was, and what was given up."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from csms_db import bounded
from csms_db.base import UtcDateTime
from csms_db.engine import WriteSession
from csms_db.packed import pack, unpack
from csms_db.sql import apart
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.event_log.log_rows import Logged
from csms_history.tables import webhook_deliveries, webhooks

_COLUMNS = webhook_deliveries.c
_REPLAYED_AT_ONCE = 1000
_TOO_MANY = "was not tried: too many events of its station wait"
FIRST_PAUSE = timedelta(seconds=5)
"""Before a delivery is tried a second time."""


class DeliveryState(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; it can be replayed."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that is to be sent now."""

    id: int
    message_id: str
    order_key: str
    """Deliveries of one key are sent in the order of their ids: the station's key; empty: of no station."""
    attempts: int
    """How often it was tried."""
    begun_at: datetime
    """When it was made, or replayed."""
    body: bytes


def order_key(logged: Logged) -> str:
    """Return the key of an event: what has the same is sent in order."""
    return logged.station_key or ""


async def add(
    session: WriteSession, webhook_id: str, events: Sequence[Logged], now: datetime, *, crowded: Collection[str]
) -> int:
    """Make deliveries of events. Those of the order keys `crowded` are dead at once; return how many these are."""
    alive = {"state": DeliveryState.PENDING, "finished_at": None, "last_error": None}
    dead = {"state": DeliveryState.DEAD, "finished_at": now, "last_error": _TOO_MANY}
    rows = [
        {
            "webhook_id": webhook_id,
            "message_id": logged.message_id,
            "type": logged.type,
            "order_key": order_key(logged),
            **(dead if order_key(logged) in crowded else alive),
            "attempts": 0,
            "next_attempt_at": now,
            "begun_at": now,
            "created_at": now,
            "body": pack(logged.text),
            "size": len(logged.text),
        }
        for logged in events
    ]
    if rows:
        await session.execute(sa.insert(webhook_deliveries), rows)
    return sum(row["state"] is DeliveryState.DEAD for row in rows)


async def pending(session: AsyncSession, webhook_id: str, most: int) -> int:
    """Return how many deliveries of a webhook are pending, `most` at most."""
    some = sa.select(_COLUMNS.id).where(_COLUMNS.webhook_id == webhook_id, _COLUMNS.state == DeliveryState.PENDING)
    return await session.scalar(sa.select(sa.func.count()).select_from(some.limit(most).subquery())) or 0


async def with_many(session: AsyncSession, webhook_id: str, keys: Collection[str], most: int) -> set[str]:
    """Return those of some order keys of which `most` deliveries or more are pending."""
    if not keys:
        return set()
    query = (
        sa.select(_COLUMNS.order_key)
        .where(_COLUMNS.webhook_id == webhook_id, _COLUMNS.state == DeliveryState.PENDING)
        .where(_COLUMNS.order_key.in_(keys))
        .group_by(_COLUMNS.order_key)
        .having(sa.func.count() >= most)
    )
    return set(await session.scalars(query))


async def due(
    session: AsyncSession, webhook_id: str, now: datetime, *, busy: Collection[str], limit: int, most_bytes: int
) -> tuple[list[Delivery], datetime | None]:
    """Return deliveries that are to be sent now, the first of each order key that is not busy.

    Also returns when the next of them is due; None: nothing waits for its time.
    """
    first = (
        sa.select(sa.func.min(_COLUMNS.id).label("id"))
        .where(_COLUMNS.webhook_id == webhook_id, _COLUMNS.state == DeliveryState.PENDING)
        .group_by(_COLUMNS.order_key)
        .subquery()
    )
    heads = sa.select(webhook_deliveries).join(first, first.c.id == _COLUMNS.id)
    if busy:
        heads = heads.where(_COLUMNS.order_key.not_in(busy))
    query = heads.where(_COLUMNS.next_attempt_at <= now).order_by(_COLUMNS.next_attempt_at, _COLUMNS.id)
    found = await bounded.read(session, query, _COLUMNS.size, limit=limit, most_bytes=most_bytes, mappings=True)
    later = heads.where(_COLUMNS.next_attempt_at > now).with_only_columns(sa.func.min(_COLUMNS.next_attempt_at))
    next_at = None if found.rows else await session.scalar(later)
    return [_delivery(row) for row in found.rows], next_at


def _delivery(row: sa.RowMapping) -> Delivery:
    return Delivery(
        row["id"], row["message_id"], row["order_key"], row["attempts"], row["begun_at"], unpack(row["body"])
    )


async def note(session: WriteSession, delivery: Delivery, columns: dict[str, Any]) -> None:
    """Note what became of an attempt."""
    statement = sa.update(webhook_deliveries).where(_COLUMNS.id == delivery.id, _COLUMNS.state == DeliveryState.PENDING)
    await session.execute(statement.values(attempts=delivery.attempts + 1, **columns))


async def page(
    session: AsyncSession,
    webhook_id: str,
    *,
    state: DeliveryState | None,
    limit: int,
    before: int | None,
    most_bytes: int,
) -> bounded.Bounded:
    """Return up to `limit` deliveries of a webhook, the newest first."""
    query = sa.select(webhook_deliveries).where(_COLUMNS.webhook_id == webhook_id).order_by(_COLUMNS.id.desc())
    if state is not None:
        query = query.where(_COLUMNS.state == state)
    if before is not None:
        query = query.where(_COLUMNS.id < before)
    return await bounded.read(session, query, _COLUMNS.size, limit=limit, most_bytes=most_bytes, mappings=True)


async def replay(session: WriteSession, webhook_id: str, now: datetime, number: int | None = None) -> int:
    """Make dead deliveries of a webhook pending again, one or the oldest thousand; return how many."""
    query = sa.select(_COLUMNS.id).where(_COLUMNS.webhook_id == webhook_id, _COLUMNS.state == DeliveryState.DEAD)
    if number is not None:
        query = query.where(_COLUMNS.id == number)
    found = (await session.scalars(query.order_by(_COLUMNS.id).limit(_REPLAYED_AT_ONCE))).all()
    again = {
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "next_attempt_at": now,
        "begun_at": now,
        "finished_at": None,
    }
    await session.execute(sa.update(webhook_deliveries).where(_COLUMNS.id.in_(found)).values(again))
    return len(found)


async def delete_old(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` deliveries that were over before that moment."""
    moment = apart(_COLUMNS.finished_at)
    old = (
        sa.select(_COLUMNS.id)
        .where(moment < apart(sa.literal(before, UtcDateTime())))
        .order_by(moment)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(old)).all()
    await session.execute(sa.delete(webhook_deliveries).where(_COLUMNS.id.in_(found)))
    return len(found)


async def delete_of_gone(session: WriteSession, _before: datetime, limit: int) -> int:
    """Delete up to `limit` deliveries of webhooks that are gone: a process may end while it deletes one's."""
    gone = await session.scalar(_gone())
    if gone is None:
        return 0
    some = sa.select(_COLUMNS.id).where(_COLUMNS.webhook_id == gone).order_by(_COLUMNS.id).limit(limit)
    found = (await session.scalars(some.with_for_update(skip_locked=True))).all()
    await session.execute(sa.delete(webhook_deliveries).where(_COLUMNS.id.in_(found)))
    return len(found)


def _gone() -> sa.Select[tuple[str]]:
    """Return a query for the id of a webhook that is gone and has deliveries. It looks at one delivery of each."""
    ids = sa.select(sa.func.min(_COLUMNS.webhook_id).label("webhook_id")).cte("ids", recursive=True)
    following = sa.select(sa.func.min(_COLUMNS.webhook_id)).where(_COLUMNS.webhook_id > ids.c.webhook_id)
    ids = ids.union_all(sa.select(following.scalar_subquery()).where(ids.c.webhook_id.is_not(None)))
    there = sa.exists().where(webhooks.c.webhook_id == ids.c.webhook_id)
    return sa.select(ids.c.webhook_id).where(ids.c.webhook_id.is_not(None), ~there).limit(1)


def retry_pause(attempts: int, longest: timedelta, jitter: float) -> timedelta:
    """Return how long to wait after so many attempts before: `FIRST_PAUSE`, doubled each time, at most `longest`.

    `jitter` is a random number from 0 to 1, which takes up to half of it away.
    """
    pause: timedelta = min(longest, FIRST_PAUSE * 2 ** min(attempts, 20))
    return pause * (1 - jitter / 2)
