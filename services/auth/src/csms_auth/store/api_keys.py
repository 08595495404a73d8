"""Reads and writes the API keys that were made over the API: their digests, never the keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csms_db.engine import WriteSession
from csms_runtime.clock import to_ms
from csms_runtime.http import Principal, StoredKey
from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.store.api_tables import api_keys


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """A key as it is stored."""

    key_id: str
    name: str
    sha256: bytes
    scopes: Sequence[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    @property
    def told(self) -> StoredKey:
        """What the services are told of it."""
        return StoredKey(
            key_id=self.key_id,
            sha256=self.sha256,
            principal=Principal.with_scopes(self.name, self.scopes),
            expires_at_ms=0 if self.expires_at is None else to_ms(self.expires_at),
            revoked=self.revoked_at is not None,
        )


async def add(session: WriteSession, key: ApiKeyRow) -> None:
    """Store a new key."""
    values = {
        "key_id": key.key_id,
        "name": key.name,
        "sha256": key.sha256,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
    }
    await session.execute(insert(api_keys).values(values))


async def get(session: AsyncSession, key_id: str) -> ApiKeyRow | None:
    """Return one key, or None."""
    row = (await session.execute(select(api_keys).where(api_keys.c.key_id == key_id))).first()
    return None if row is None else _key(row)


async def revoke(session: WriteSession, key_id: str, *, by: str, now: datetime) -> ApiKeyRow | None:
    """Revoke a key and return it; None when it is not stored, or was revoked before."""
    done = await session.execute(
        update(api_keys)
        .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_by=by)
        .returning(*api_keys.c)
    )
    row = done.first()
    return None if row is None else _key(row)


async def unexpired(session: WriteSession, now: datetime) -> Sequence[ApiKeyRow]:
    """Return the keys that have not expired, revoked ones too; locks them until the transaction ends."""
    query = select(api_keys).where(or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now))
    return [_key(row) for row in await session.execute(query.order_by(api_keys.c.key_id).with_for_update())]


async def page(session: AsyncSession, *, limit: int, after: tuple[datetime, str] | None) -> Sequence[ApiKeyRow]:
    """Return up to `limit` keys, the newest first, those behind the one of `after` (created_at, key_id)."""
    columns = api_keys.c
    query = select(api_keys).order_by(columns.created_at.desc(), columns.key_id.desc()).limit(limit)
    if after is not None:
        moment, key_id = after
        earlier = columns.created_at < moment
        query = query.where(or_(earlier, (columns.created_at == moment) & (columns.key_id < key_id)))
    return [_key(row) for row in await session.execute(query)]


def _key(row: Row[Any]) -> ApiKeyRow:
    return ApiKeyRow(
        key_id=row.key_id,
        name=row.name,
        sha256=row.sha256,
        scopes=row.scopes,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )
