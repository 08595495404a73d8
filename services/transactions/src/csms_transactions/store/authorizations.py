"""Statements on `authorizations`: the tokens in events, and what was decided about each."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from csms.v1.auth_pb2 import IdTokenInfo
from csms_db.direct import Direct
from csms_db.statements import Lookup, Upsert
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.events import MASK, IdToken
from csms_transactions.domain.identity import Identity
from csms_transactions.store.tables import authorizations as table
from csms_transactions.store.tables import transactions


class Key(NamedTuple):
    """The token in an event: of two events with one seqNo each has its own."""

    transaction: str
    seq_no: int
    token: str
    """Type and id, case-folded; a key code by auth's digest of it, masked while auth has not answered."""

    @property
    def is_of_any_code(self) -> bool:
        """Whether it may be of another key code than the one that is asked about."""
        return self.token == _ANY_CODE


class Authorization(NamedTuple):
    """A row: a token that came in an event."""

    transaction: str
    seq_no: int
    token_key: str
    id_token: str
    """The token's text; a key code is masked."""
    id_token_type: str
    evse_id: int
    """0: the EVSE is not known."""
    at: datetime
    """The station's time of the event."""
    stops: bool
    asked_at: datetime
    status: str | None = None
    """None: there is no decision yet."""
    info: bytes | None = None
    """The answer, an IdTokenInfo."""
    decided_at: datetime | None = None

    @property
    def key(self) -> Key:
        """The primary key."""
        return Key(self.transaction, self.seq_no, self.token_key)

    @property
    def token(self) -> IdToken:
        """The token, masked."""
        return IdToken(self.id_token, self.id_token_type)

    def decided(self, info: IdTokenInfo, now: datetime) -> "Authorization":
        """Return the same row with a decision."""
        return self._replace(status=info.status, info=info.SerializeToString(), decided_at=now)


class Undecided(NamedTuple):
    """An authorization without a decision, and its transaction."""

    identity: Identity
    authorization: Authorization


_NAMES = Authorization._fields
_KEY = ("transaction", "seq_no", "token_key")
_DECISION = ("status", "info", "decided_at")
_SAVE = Upsert(table, _NAMES, by=_KEY, changed=_DECISION, kept=_DECISION)
_LOAD = Lookup([table.c[name] for name in _NAMES], by=(table.c.transaction, table.c.seq_no))


_ANY_CODE = f"keycode/{MASK}"


def token_name(token: IdToken, digest: str = "") -> str:
    """The last part of the key of a token's authorizations. `digest`: auth's of a key code; empty: not known."""
    masked = token.masked()
    value = digest if digest and masked.value == MASK else masked.value
    return f"{masked.type}/{value}".casefold()


async def load(session: AsyncSession | Direct, keys: Iterable[Key]) -> dict[Key, Authorization]:
    """Return those authorizations that are stored."""
    wanted = set(keys)
    if not wanted:
        return {}
    rows = await _LOAD.fetch(session, {key.transaction for key in wanted}, {key.seq_no for key in wanted})
    found = (Authorization(*row) for row in rows)
    return {row.key: row for row in found if row.key in wanted}


async def save(session: AsyncSession | Direct, rows: Iterable[Authorization]) -> None:
    """Store authorizations. Where one is stored already, only its decision changes."""
    await _SAVE.execute(
        session, sorted(rows, key=attrgetter("key"))
    )  # in one order, so that nobody waits for each other


async def undecided(session: AsyncSession, before: datetime, limit: int) -> list[Undecided]:
    """Return authorizations of before that moment without a decision, but those of key codes, which are not kept."""
    columns = table.c
    query = (
        select(transactions.c.id, transactions.c.station_id, transactions.c.transaction_id, *columns)
        .join(transactions, transactions.c.id == columns.transaction)
        .where(columns.status.is_(None), columns.asked_at < before, columns.id_token != MASK)
        .order_by(columns.asked_at)
        .limit(limit)
    )
    return [Undecided(Identity(*row[:3]), Authorization(*row[3:])) for row in await session.execute(query)]


async def of_transaction(session: AsyncSession, key: str, limit: int) -> Sequence[Authorization]:
    """The first authorizations of a transaction, by seqNo."""
    query = select(table).where(table.c.transaction == key).order_by(table.c.seq_no, table.c.token_key).limit(limit)
    return [Authorization(*row) for row in await session.execute(query)]
