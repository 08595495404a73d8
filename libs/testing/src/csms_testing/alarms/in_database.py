"""Faults that are made in the database, as somebody else's locks, or as rows that say what stations could have told."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx2

from csms_testing.alarms.fault import Fault, Scene

_READERS = 16
"""More requests at a time than the pool has connections."""


@asynccontextmanager
async def stations_locked(scene: Scene) -> AsyncIterator[None]:
    """Somebody has locked the table of stations, while many clients read it."""

    async def read() -> None:
        while True:
            with suppress(httpx2.HTTPError):
                await scene.arena.api.request("GET", "/stations")

    async with scene.sql() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE devices.stations IN ACCESS EXCLUSIVE MODE")
        readers = [asyncio.create_task(read()) for _ in range(_READERS)]
        try:
            yield
        finally:
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            await transaction.rollback()


@asynccontextmanager
async def relay_kept_out(scene: Scene) -> AsyncIterator[None]:
    """Somebody holds the lock of the relay of transactions' outbox."""
    lock_id = zlib.crc32(b"csms.outbox.transactions")
    async with scene.sql() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", lock_id)
        yield  # the connection's end gives it back


@asynccontextmanager
async def unpublishable(scene: Scene) -> AsyncIterator[None]:
    """A record in an outbox that no topic takes."""
    await scene.execute(
        "INSERT INTO transactions.outbox (topic, key, record, created_at) "
        "VALUES ('events.transactions', 'DRILL', 'no record'::bytea, now())"
    )
    yield


@asynccontextmanager
async def connectors_faulted(scene: Scene) -> AsyncIterator[None]:
    """Many connectors are Faulted."""
    await scene.execute(
        "INSERT INTO devices.connectors (station_id, evse_id, connector_id, status, reported_at, received_at) "
        "SELECT 'ALARM', 1, number, 'Faulted', now(), now() FROM generate_series(1, 200) AS number"
    )
    try:
        yield
    finally:
        await scene.execute("DELETE FROM devices.connectors WHERE station_id = 'ALARM'")


@asynccontextmanager
async def not_counted(scene: Scene) -> AsyncIterator[None]:
    """A replica has begun to count and does not end."""
    await scene.execute("UPDATE devices.counts SET begun_at = now() + interval '1 hour'")
    try:
        yield
    finally:
        await scene.execute("UPDATE devices.counts SET begun_at = now() - interval '1 hour'")


@asynccontextmanager
async def passwords_demanded(scene: Scene) -> AsyncIterator[None]:
    """Somebody registers all stations for passwords that they do not have, and their connections break."""
    await scene.execute("UPDATE auth.stations SET security_profile = 1")
    try:
        for each in scene.load.stations:
            each.drop_connection()
        yield
    finally:
        await scene.execute("UPDATE auth.stations SET security_profile = 0")


@asynccontextmanager
async def events_cannot_be_stored(scene: Scene) -> AsyncIterator[None]:
    """The database refuses every transaction event, as after a release that fits it no more."""
    table = "transactions.transaction_events"
    await scene.execute(f"ALTER TABLE {table} ADD CONSTRAINT alarm CHECK (false) NOT VALID")
    try:
        yield
    finally:
        await scene.execute(f"ALTER TABLE {table} DROP CONSTRAINT alarm")


@asynccontextmanager
async def old_rows_locked(scene: Scene) -> AsyncIterator[None]:
    """Somebody has locked a table, so that its old rows cannot be deleted."""
    async with scene.sql() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE devices.dead_letters IN SHARE MODE")
        try:
            yield
        finally:
            await transaction.rollback()


FAULTS: tuple[Fault, ...] = (
    Fault(
        "stations-locked",
        "the table of stations is locked, and many read it",
        frozenset(
            {"CsmsDatabasePoolFull", "CsmsDatabaseSlow", "CsmsDatabaseRefuses", "CsmsApiFails", "CsmsConsumerBehind"}
        ),
        stations_locked,
    ),
    Fault("relay-kept-out", "the relay of an outbox cannot work", frozenset({"CsmsOutboxStuck"}), relay_kept_out),
    Fault("unpublishable", "a record that no topic takes", frozenset({"CsmsOutboxSetAside"}), unpublishable),
    Fault(
        "connectors-faulted", "most connectors are faulted", frozenset({"CsmsConnectorsFaulted"}), connectors_faulted
    ),
    Fault(
        "passwords-demanded",
        "all stations are refused for a password that they do not have",
        frozenset({"CsmsStationsRefused", "CsmsSomeStationsRefused"}),
        passwords_demanded,
        fire_s=300,
    ),
    Fault(
        "events-unstorable",
        "no event of a transaction can be stored, and their consumer parks",
        frozenset({"CsmsConsumerFails", "CsmsDeadLetters"}),
        events_cannot_be_stored,
    ),
    Fault(
        "old-rows-locked",
        "old rows cannot be deleted",
        frozenset({"CsmsOldRowsStay"}),
        old_rows_locked,
        fire_s=600,
    ),
    Fault("not-counted", "the count of the fleet does not end", frozenset({"CsmsFleetNotCounted"}), not_counted),
)
