"""Fills a PostgreSQL that the migrations have made, as if a fleet had been at it for a year: bench/fill/*.sql."""

from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

import asyncpg

_DIRECTORY = Path(__file__).parent / "fill"
_SCHEMAS = {"transactions": "transactions", "devices": "devices", "auth": "auth", "history": "history"}
"""File → schema."""
_BY_TRIGGERS = "station_texts"
"""A table that triggers write, by its index."""
_SETTINGS = ("synchronous_commit = off", "maintenance_work_mem = '512MB'", "work_mem = '128MB'")


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows there are of each kind."""

    transactions: int
    each: int = 10
    """Events of a transaction."""

    @property
    def parameters(self) -> dict[str, int]:
        """What the statements are told. In proportion to the transactions, so that a small one has the same shapes."""
        count = self.transactions
        return {
            **asdict(self),
            "stations": max(100, count // 10),
            "active": max(10, count // 100),
            "tokens": max(100, count // 2),
            "meter_values": count,
            "notifications": count,
            # Of the one station that has as much as is kept.
            "of_one": count // 4,
            "long": count // 20,
            "calls": 2 * count,
            "audit": 2 * count,
            "dead_letters": count // 4,
        }


async def fill(url: str, size: Size) -> None:
    """Fill the schemas of all services, which must be empty. Raises asyncpg.PostgresError.

    Indexes are made after the rows: it takes a third of the time.
    """
    connection = await asyncpg.connect(url)
    try:
        for setting in _SETTINGS:
            await connection.execute(f"SET {setting}")
        for name, schema in _SCHEMAS.items():
            await connection.execute(f"SET search_path = {schema}")
            indexes = await _drop_indexes(connection, schema)
            text = Template((_DIRECTORY / f"{name}.sql").read_text()).substitute(
                {key: str(value) for key, value in size.parameters.items()}
            )
            await connection.execute(text)
            for statement in indexes:
                await connection.execute(statement)
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


async def _drop_indexes(connection: asyncpg.Connection, schema: str) -> list[str]:
    """Drop all indexes of a schema; return the statements that make them again."""
    constraints = await connection.fetch(
        "SELECT conrelid::regclass AS table, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition"
        " FROM pg_constraint WHERE connamespace = $1::regnamespace AND contype IN ('p', 'u')"
        " AND conparentid = 0 AND conrelid::regclass::text <> $2",  # those of partitions go with their table's
        schema,
        _BY_TRIGGERS,
    )
    for one in constraints:
        await connection.execute(f"ALTER TABLE {one['table']} DROP CONSTRAINT {one['name']}")
    indexes = await connection.fetch(
        "SELECT quote_ident(indexname) AS name, indexdef AS definition FROM pg_indexes"
        " WHERE schemaname = $1 AND tablename <> $2"
        " AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = format('%I.%I', schemaname, indexname)::regclass)",
        schema,
        _BY_TRIGGERS,
    )
    for one in indexes:
        await connection.execute(f"DROP INDEX {one['name']}")
    return [
        *(f"ALTER TABLE {one['table']} ADD CONSTRAINT {one['name']} {one['definition']}" for one in constraints),
        *(one["definition"].replace(" ON ONLY ", " ON ") for one in indexes),  # with partitions
    ]
