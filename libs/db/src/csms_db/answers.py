"""Answers to requests with an Idempotency-Key (`csms_runtime.http.idempotency`), in a table of each service.

Bodies may hold what a station told in confidence, and a request may hold a password: the one is sealed, of the other
only a keyed digest is kept.
"""

import hmac
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from csms_runtime.clock import utcnow
from csms_runtime.http.idempotency import Answer, Earlier
from csms_runtime.sealing import CannotOpen, Sealer
from csms_runtime.secret_keys import SecretKeys

from csms_db.base import Json, UtcDateTime
from csms_db.engine import Database, WriteSession
from csms_db.sql import insert

TABLE = "kept_answers"
INDEX = "ix_kept_answers_created_at"


def answers_columns() -> list[sa.Column[Any]]:
    """Return the columns, for a migration; `INDEX` is an index of `created_at`."""
    return [
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", Json),
        sa.Column("body", sa.LargeBinary),
    ]


def answers_table(metadata: sa.MetaData) -> sa.Table:
    """Return the table of a service, added to its metadata."""
    return sa.Table(TABLE, metadata, *answers_columns(), sa.Index(INDEX, "created_at"))


class KeptAnswers:
    """The answers of a service. Safe for use by many tasks and processes. Methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, table: sa.Table, keys: SecretKeys) -> None:
        self._database, self._table, self._keys = database, table, keys
        self._sealer = Sealer(keys)

    async def begin(self, name: str, request: bytes) -> Earlier | None:
        """Note that a request is begun; return the earlier one of that name, None when it is the first."""
        table, digest = self._table, _digest(self._keys.current, request)
        row = {"name": name, "request": digest, "created_at": utcnow()}
        adding = insert(self._database.dialect)(table).values(row).on_conflict_do_nothing().returning(table.c.name)
        async with self._database.transaction() as session:
            if (await session.execute(adding)).one_or_none() is not None:
                return None
            found = (await session.execute(sa.select(table).where(table.c.name == name))).mappings().one_or_none()
        if found is None:  # it was forgotten meanwhile
            return await self.begin(name, request)
        is_same = any(hmac.compare_digest(found["request"], _digest(key, request)) for key in self._keys.every)
        return Earlier(is_same, self._answer(name, found))

    def _answer(self, name: str, row: sa.RowMapping) -> Answer | None:
        if row["status"] is None:
            return None
        return Answer(row["status"], row["headers"], self._opened(name, row["body"]))

    def _opened(self, name: str, body: bytes | None) -> bytes | None:
        try:
            return None if body is None else self._sealer.open(body, TABLE, name)
        except CannotOpen:  # CSMS_SECRET_KEY is another one now, and the former one is not among the others
            return None

    async def keep(self, name: str, answer: Answer) -> None:
        """Note how a request was answered."""
        body = None if answer.body is None else self._sealer.seal(answer.body, TABLE, name)
        changed = {"status": answer.status, "headers": dict(answer.headers), "body": body}
        async with self._database.transaction() as session:
            await session.execute(sa.update(self._table).where(self._table.c.name == name).values(changed))

    async def forget(self, name: str) -> None:
        """Forget a request that did nothing."""
        async with self._database.transaction() as session:
            await session.execute(sa.delete(self._table).where(self._table.c.name == name))

    async def delete_old(self, session: WriteSession, before: datetime, limit: int) -> int:
        """Delete up to `limit` of before that moment; return how many there were. For `csms_db.retention`."""
        table = self._table
        old = sa.select(table.c.name).where(table.c.created_at < before).order_by(table.c.created_at).limit(limit)
        found = (await session.scalars(old.with_for_update(skip_locked=True))).all()
        await session.execute(sa.delete(table).where(table.c.name.in_(found)))
        return len(found)


def _digest(key: bytes, request: bytes) -> str:
    return hmac.digest(key, request, "sha256").hex()
