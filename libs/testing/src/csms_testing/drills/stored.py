"""What the database holds, read behind the CSMS's back: PostgreSQL by asyncpg, SQLite by its file."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import orjson
from csms_db.packed import unpack

from csms_testing.simulator.ledger import Key, payload_hash

_EVENTS = """
SELECT t.station_id, t.transaction_id, e.seq_no, e.payload
FROM {schema}transaction_events e JOIN {schema}transactions t ON t.id = e."transaction"
WHERE t.station_id LIKE {prefix}
"""
_TRANSACTIONS = """
SELECT station_id, transaction_id, state, event_count, last_seq_no, CAST(gaps AS TEXT) AS gaps, energy_wh,
    id_token, id_token_type, stop_id_token, stop_id_token_type, group_id_token, group_id_token_type
FROM {schema}transactions WHERE station_id LIKE {prefix}
"""
_METER_VALUES = "SELECT station_id, payload FROM {schema}meter_values WHERE station_id LIKE {prefix}"
_CALLS = "SELECT call_id, state, outcome FROM {schema}calls WHERE station_id LIKE {prefix}"
_NOTICES = """
SELECT payload FROM {schema}notifications
WHERE station_id LIKE {prefix} AND action = 'SecurityEventNotification'
"""
_QUERIES = {
    _EVENTS: "transactions",
    _TRANSACTIONS: "transactions",
    _METER_VALUES: "transactions",
    _CALLS: "devices",
    _NOTICES: "devices",
}
"""Query → schema, or file."""
SCHEMAS = ("auth", "transactions", "devices")


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of one drill's stations."""

    events: Counter[Key]
    """How many rows each event has."""
    hashes: dict[Key, str]
    transactions: dict[tuple[str, str], dict[str, Any]]
    calls: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """State and outcome of each call."""
    notices: Counter[str] = field(default_factory=Counter)
    """How many rows each security event has, by its text."""
    meter_values: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many rows each message of meter values that are no events has, by station and hash."""


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
        connection = await asyncpg.connect(self._url, timeout=10)
        try:
            rows = {
                query: await connection.fetch(query.format(schema=f"{schema}.", prefix="$1"), f"{prefix}%")
                for query, schema in _QUERIES.items()
            }
        finally:
            await connection.close()
        return _stored({query: [dict(row) for row in found] for query, found in rows.items()})

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
        found: dict[str, list[dict[str, Any]]] = {}
        for query, schema in _QUERIES.items():
            with closing(self._open(schema)) as database:
                database.row_factory = sqlite3.Row
                rows = database.execute(query.format(schema="", prefix="?"), [f"{prefix}%"])
                found[query] = [dict(row) for row in rows]
        return _stored(found)

    def _outbox(self) -> int:
        count = 0
        for name in SCHEMAS:
            with closing(self._open(name)) as database:
                count += database.execute("SELECT count(*) FROM outbox").fetchone()[0]
        return count

    def _open(self, name: str) -> sqlite3.Connection:
        return sqlite3.connect(self._directory / f"{name}.db", timeout=10)


def _stored(found: dict[str, list[dict[str, Any]]]) -> Stored:
    keys = [(row["station_id"], row["transaction_id"], row["seq_no"]) for row in found[_EVENTS]]
    payloads = [orjson.loads(unpack(row["payload"])) for row in found[_EVENTS]]
    return Stored(
        events=Counter(keys),
        hashes={key: payload_hash(payload) for key, payload in zip(keys, payloads, strict=True)},
        transactions={(row["station_id"], row["transaction_id"]): row for row in found[_TRANSACTIONS]},
        calls={row["call_id"]: (row["state"], row["outcome"]) for row in found[_CALLS]},
        notices=Counter(orjson.loads(unpack(row["payload"]))["techInfo"] for row in found[_NOTICES]),
        meter_values=Counter(
            (row["station_id"], payload_hash(orjson.loads(unpack(row["payload"])))) for row in found[_METER_VALUES]
        ),
    )
