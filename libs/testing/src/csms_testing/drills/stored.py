"""What the database holds, read behind the CSMS's back: PostgreSQL by asyncpg, SQLite by its file."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import orjson

from csms_testing.simulator.ledger import Key, payload_hash

_EVENTS = """
SELECT t.station_id, t.transaction_id, e.seq_no, e.payload
FROM {schema}transaction_events e JOIN {schema}transactions t ON t.id = e."transaction"
WHERE t.station_id LIKE {prefix}
"""
_TRANSACTIONS = """
SELECT station_id, transaction_id, state, event_count, last_seq_no, CAST(gaps AS TEXT) AS gaps
FROM {schema}transactions WHERE station_id LIKE {prefix}
"""
SCHEMAS = ("auth", "transactions", "devices")


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of one drill's stations."""

    events: Counter[Key]
    """How many rows each event has."""
    hashes: dict[Key, str]
    transactions: dict[tuple[str, str], dict[str, Any]]


class Store(Protocol):
    """A database of the system."""

    async def read(self, prefix: str) -> Stored:
        """Return what is stored of the stations whose identities begin with `prefix`."""

    async def outbox(self) -> int:
        """Return how many records wait in all outboxes."""


class PostgresStore:
    """The database of the distributed mode."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self, prefix: str) -> Stored:
        """See `Store`."""
        names = {"schema": "transactions.", "prefix": "$1"}
        connection = await asyncpg.connect(self._url, timeout=10)
        try:
            events = await connection.fetch(_EVENTS.format(**names), f"{prefix}%")
            transactions = await connection.fetch(_TRANSACTIONS.format(**names), f"{prefix}%")
        finally:
            await connection.close()
        return _stored([tuple(row) for row in events], [dict(row) for row in transactions])

    async def outbox(self) -> int:
        """See `Store`."""
        connection = await asyncpg.connect(self._url, timeout=10)
        try:
            counts = [await connection.fetchval(f"SELECT count(*) FROM {name}.outbox") for name in SCHEMAS]  # noqa: S608
        finally:
            await connection.close()
        return sum(counts)


class SqliteStore:
    """The files of the standalone mode."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def read(self, prefix: str) -> Stored:
        """See `Store`."""
        return await asyncio.to_thread(self._read, prefix)

    async def outbox(self) -> int:
        """See `Store`."""
        return await asyncio.to_thread(self._outbox)

    def _read(self, prefix: str) -> Stored:
        with closing(self._open("transactions")) as database:
            database.row_factory = sqlite3.Row
            names = {"schema": "", "prefix": "?"}
            events = database.execute(_EVENTS.format(**names), [f"{prefix}%"]).fetchall()
            transactions = database.execute(_TRANSACTIONS.format(**names), [f"{prefix}%"]).fetchall()
        return _stored([tuple(row) for row in events], [dict(row) for row in transactions])

    def _outbox(self) -> int:
        count = 0
        for name in SCHEMAS:
            with closing(self._open(name)) as database:
                count += database.execute("SELECT count(*) FROM outbox").fetchone()[0]
        return count

    def _open(self, name: str) -> sqlite3.Connection:
        return sqlite3.connect(self._directory / f"{name}.db", timeout=10)


def _stored(events: list[tuple[Any, ...]], transactions: list[dict[str, Any]]) -> Stored:
    return Stored(
        events=Counter((station, transaction, seq_no) for station, transaction, seq_no, _ in events),
        hashes={
            (station, transaction, seq_no): payload_hash(orjson.loads(payload))
            for station, transaction, seq_no, payload in events
        },
        transactions={(row["station_id"], row["transaction_id"]): row for row in transactions},
    )
