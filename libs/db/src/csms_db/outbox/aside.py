"""Records of an outbox that can never be published: kept for people to look at, to publish again or to delete."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from csms_runtime import metrics
from csms_runtime.clock import utcnow

from csms_db.engine import Database, WriteSession
from csms_db.outbox.table import set_aside_table
from csms_db.quota import trim

_log = structlog.get_logger(__name__)

_REASON_CHARS = 500
_MOST_BYTES = 256 * 1024 * 1024
_MOST_BYTES_PER_KEY = 32 * 1024 * 1024
"""How much is kept: the newest of each key, and of all."""
_MOVED = ("topic", "key", "partition", "record", "created_at")


class SetAside:
    """The table `set_aside_records` beside an outbox."""

    def __init__(self, database: Database, outbox: sa.Table) -> None:
        self._database = database
        self._outbox = outbox
        self.table = set_aside_table(outbox)

    async def take(self, refused: Sequence[tuple[sa.Row[Any], str]]) -> None:
        """Move rows of the outbox here, each with the reason. Raises DatabaseUnavailable."""
        if not refused:
            return
        now = utcnow()
        values = [
            {name: getattr(row, name) for name in _MOVED}
            | {"set_aside_at": now, "reason": reason[:_REASON_CHARS].replace("\0", ""), "size": len(row.record)}
            for row, reason in refused
        ]
        async with self._database.transaction() as session:
            await session.execute(sa.insert(self.table), values)
            await session.execute(sa.delete(self._outbox).where(self._outbox.c.id.in_([row.id for row, _ in refused])))
            keys = {row.key for row, _ in refused}
            limits = {"most_per_owner": _MOST_BYTES_PER_KEY, "most": _MOST_BYTES}
            dropped = await trim(session, self.table, self.table.c.key, keys, **limits)
        for row, reason in refused:
            metrics.OUTBOX_SET_ASIDE.labels(self._database.name, row.topic).inc()
            _log.error("record set aside", database=self._database.name, topic=row.topic, key=row.key, reason=reason)
        if dropped:
            _log.error("records that were set aside are dropped: too many", records=dropped)

    async def page(self, *, limit: int, before: int | None) -> Sequence[sa.Row[Any]]:
        """Return up to `limit`, the newest first, those with lower ids than `before`. Raises DatabaseUnavailable."""
        columns = [column for column in self.table.c if column.name != "record"]
        statement = sa.select(*columns).order_by(self.table.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(self.table.c.id < before)
        async with self._database.reading() as session:
            return (await session.execute(statement)).all()

    async def find(self, number: int) -> sa.Row[Any] | None:
        """Return one with its bytes. Raises DatabaseUnavailable."""
        async with self._database.reading() as session:
            return (await session.execute(sa.select(self.table).where(self.table.c.id == number))).first()

    async def replay(self, number: int) -> bool:
        """Put it back into the outbox, behind what is there; False: there is none. Raises DatabaseUnavailable."""
        async with self._database.transaction() as session:
            columns = [self.table.c[name] for name in _MOVED]
            found = sa.select(*columns).where(self.table.c.id == number)
            await session.execute(sa.insert(self._outbox).from_select(list(_MOVED), found))
            return await self._remove(session, number)

    async def delete(self, number: int) -> bool:
        """Delete it; False: there is none. Raises DatabaseUnavailable."""
        async with self._database.transaction() as session:
            return await self._remove(session, number)

    async def _remove(self, session: WriteSession, number: int) -> bool:
        statement = sa.delete(self.table).where(self.table.c.id == number).returning(self.table.c.id)
        return (await session.execute(statement)).first() is not None
