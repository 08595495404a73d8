"""Finds the running transactions of tokens. One process at a time does so for a token."""

from collections.abc import Collection, Sequence
from hashlib import blake2b

from csms_db.direct import Direct
from csms_db.statements import Lookup
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.transaction import State
from csms_transactions.store.tables import transactions

Name = tuple[str, str]
"""The form of a token in which tokens are compared, and its type."""
_COLUMNS = transactions.c
_RUNNING = Lookup(
    (_COLUMNS.id_token_key, _COLUMNS.id_token_type, _COLUMNS.id), by=(_COLUMNS.id_token_key, _COLUMNS.state)
)
_LOCK = "SELECT pg_advisory_xact_lock(name) FROM unnest($1::bigint[]) AS name"


async def load(session: AsyncSession | Direct, names: Collection[Name]) -> dict[Name, set[str]]:
    """The keys of the running transactions of each token.

    Whoever else wants those of one of these tokens waits until this database transaction has ended.
    """
    await _lock(session, sorted({_number(name) for name in names}))
    found: dict[Name, set[str]] = {name: set() for name in names}
    for key, kind, transaction in await _RUNNING.fetch(session, {key for key, _ in names}, [State.ACTIVE.value]):
        if (key, kind) in found:
            found[key, kind].add(transaction)
    return found


async def _lock(session: AsyncSession | Direct, numbers: Sequence[int]) -> None:
    """In one order, so that nobody waits for each other. SQLite has one writer at a time anyway."""
    if isinstance(session, AsyncSession):
        connection = await session.connection()
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql(_LOCK, (numbers,))
    elif session.dialect.name == "postgresql":
        await session.fetch(_LOCK, (numbers,))


def _number(name: Name) -> int:
    digest = blake2b("\0".join(name).encode(), digest_size=8, person=b"token uses").digest()
    return int.from_bytes(digest, signed=True)
