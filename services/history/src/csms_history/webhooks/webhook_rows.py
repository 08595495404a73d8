"""Rows of `webhooks`: where events are sent, how far that is, and which process does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from csms_db.engine import WriteSession
from csms_db.sql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from csms_history.event_log.wanted import Wanted
from csms_history.tables import webhook_deliveries, webhooks

_COLUMNS = webhooks.c
LEASE = timedelta(seconds=30)
"""How long a process has a webhook for itself, unless it says so again."""
_RENEW = timedelta(seconds=20)
"""Before its end."""
_AT_ONCE = 500

Row = sa.RowMapping


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as a process has it that sends to it."""

    webhook_id: str
    url: str
    wanted: Wanted
    secret: bytes
    """Sealed."""
    previous_secret: bytes | None
    """Sealed; signs, too, until `previous_until`."""
    previous_until: datetime | None
    position: int
    """The number of the last event that was made a delivery, or passed over."""
    leased_until: datetime

    @classmethod
    def of(cls, row: Row) -> "Webhook":
        """Build it from a leased row."""
        return cls(
            row["webhook_id"],
            row["url"],
            Wanted.of(row["types"], row["station_ids"], row["site_ids"]),
            row["secret"],
            row["previous_secret"],
            row["previous_until"],
            row["position"],
            row["leased_until"],
        )


async def find(session: AsyncSession, webhook_id: str, *, lock: bool = False) -> Row | None:
    """Return a webhook's row; None: there is none."""
    query = sa.select(webhooks).where(_COLUMNS.webhook_id == webhook_id)
    return (await session.execute(query.with_for_update() if lock else query)).mappings().first()


async def page(session: AsyncSession, *, limit: int, after: str | None) -> Sequence[Row]:
    """Return up to `limit` webhooks in order of their ids, those behind `after`."""
    query = sa.select(webhooks).order_by(_COLUMNS.webhook_id).limit(limit)
    if after is not None:
        query = query.where(_COLUMNS.webhook_id > after)
    return (await session.execute(query)).mappings().all()


async def count(session: AsyncSession) -> int:
    """Return how many there are."""
    return await session.scalar(sa.select(sa.func.count()).select_from(webhooks)) or 0


async def create(session: WriteSession, columns: dict[str, Any]) -> bool:
    """Store a new webhook; False: there is one of that id."""
    statement = insert(session, webhooks).values(columns).on_conflict_do_nothing(index_elements=["webhook_id"])
    return (await session.execute(statement.returning(_COLUMNS.webhook_id))).first() is not None


async def change(session: WriteSession, webhook_id: str, columns: dict[str, Any]) -> None:
    """Change a webhook."""
    await session.execute(sa.update(webhooks).where(_COLUMNS.webhook_id == webhook_id).values(columns))


async def renew_secret(session: WriteSession, webhook: Webhook, sealed: bytes) -> None:
    """Store a webhook's secret, sealed anew, unless it was replaced meanwhile."""
    same = (_COLUMNS.webhook_id == webhook.webhook_id, _COLUMNS.secret == webhook.secret)
    await session.execute(sa.update(webhooks).where(*same).values(secret=sealed))


async def delete(session: WriteSession, webhook_id: str) -> bool:
    """Delete a webhook; its deliveries go with `delete_deliveries`. False: there is none."""
    statement = sa.delete(webhooks).where(_COLUMNS.webhook_id == webhook_id)
    return (await session.execute(statement.returning(_COLUMNS.webhook_id))).first() is not None


async def delete_deliveries(session: WriteSession, webhook_id: str) -> bool:
    """Delete some deliveries of a webhook that is gone; whether there may be more."""
    some = sa.select(webhook_deliveries.c.id).where(webhook_deliveries.c.webhook_id == webhook_id).limit(_AT_ONCE)
    found = (await session.scalars(some)).all()
    await session.execute(sa.delete(webhook_deliveries).where(webhook_deliveries.c.id.in_(found)))
    return len(found) == _AT_ONCE


async def mine(session: AsyncSession, owner: str, now: datetime) -> tuple[list[Webhook], bool]:
    """Return the webhooks that a process has, and whether it is time to lease or renew any."""
    rows = (await session.execute(sa.select(webhooks).where(_COLUMNS.enabled))).mappings().all()
    owned = [Webhook.of(row) for row in rows if row["leased_by"] == owner and row["leased_until"] > now]
    due = any(_is_free(row, owner, now) for row in rows)
    return owned, due


def _is_free(row: Row, owner: str, now: datetime) -> bool:
    until = row["leased_until"]
    return until is None or until < now or (row["leased_by"] == owner and until < now + _RENEW)


async def lease(session: WriteSession, owner: str, now: datetime) -> None:
    """Lease all webhooks that nobody has, and renew one's own."""
    own = sa.and_(_COLUMNS.leased_by == owner, _COLUMNS.leased_until < now + _RENEW)
    free = sa.or_(_COLUMNS.leased_until.is_(None), _COLUMNS.leased_until < now, own)
    statement = sa.update(webhooks).where(_COLUMNS.enabled, free).values(leased_by=owner, leased_until=now + LEASE)
    await session.execute(statement)


async def release(session: WriteSession, owner: str) -> None:
    """Give back all that a process has."""
    statement = sa.update(webhooks).where(_COLUMNS.leased_by == owner).values(leased_by=None, leased_until=None)
    await session.execute(statement)


async def advance(session: WriteSession, webhook: Webhook, position: int, owner: str) -> bool:
    """Note up to which event a webhook's deliveries are made; False: another process has it, or it was changed."""
    same = (
        _COLUMNS.webhook_id == webhook.webhook_id,
        _COLUMNS.position == webhook.position,
        _COLUMNS.leased_by == owner,
    )
    statement = sa.update(webhooks).where(*same).values(position=position)
    return (await session.execute(statement.returning(_COLUMNS.webhook_id))).first() is not None


async def note_outcome(session: WriteSession, webhook_id: str, now: datetime, *, ok: bool) -> None:
    """Note an attempt: when the last one succeeded or failed, and how many failed one after the other."""
    columns: dict[str, Any] = (
        {"last_success_at": now, "failures": 0} if ok else {"last_failure_at": now, "failures": _COLUMNS.failures + 1}
    )
    await session.execute(sa.update(webhooks).where(_COLUMNS.webhook_id == webhook_id).values(columns))
