"""What a million stations cost the services, without their sockets: this process plays their gateway on the bus.

The databases know all of them. Some come back at once, are let in by their passwords, and boot; the gateway tells who
is connected, tells it again, and whom it heard from; and the fleet is counted while stations boot. What counts is the
CPU time of each, which does not depend on how many processes and cores share the work.
"""

import asyncio
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from csms_bus import groups
from csms_bus.admin import create_topics
from csms_bus.topics import STATION_PARTITIONS
from csms_runtime import passwords
from csms_testing.kafka import ONE_BROKER

from bench import systems
from bench.following import caught_up
from bench.played import PASSWORD, PlayedGateway, played_gateway
from bench.settings import Settings
from bench.systems import Target
from bench.usage import children, cpu_by_part, memory_bytes, per_message_us

_STORM, _MODERATE = 1000, 16
"""Stations that are on their way at once."""
_GROUPS = (groups.AUTH, groups.AUTH_RESULTS, groups.DEVICES, groups.DEVICES_PRESENCE, groups.TRANSACTIONS_BOOTS)
_NAMES = (
    "FROM generate_series(0, $1::bigint - 1) AS n, LATERAL (SELECT 'M' || lpad(n::text, 7, '0') AS id) AS i, "
    "LATERAL (SELECT timestamptz '2026-01-01' AS at) AS t"
)
_STORED = (
    (
        "devices",
        f"""
    INSERT INTO stations (
        station_id, station_key, security_profile, registration, onboarding, vendor_ids, password_set, revision,
        next_request_id, created_at, updated_at, registration_status, vendor_name, model, boot_reason, booted_at,
        last_seen, connection_open
    )
    SELECT id, lower(id), 1, 'Accepted', 'none', '[]', true, 1, 1, at, at, 'Accepted', 'Vendor ' || n % 20,
        'Model ' || n % 50, 'PowerUp', at, at, false {_NAMES}
    """,
    ),
    (
        "devices",
        f"""
    INSERT INTO connectors (station_id, evse_id, connector_id, status, reported_at, received_at)
    SELECT id, 1, 1, 'Available', at, at {_NAMES}
    """,
    ),
    (
        "auth",
        f"""
    INSERT INTO stations (
        station_id, station_key, revision, security_profile, serial_number, registration, message_timeout_s,
        password_revision, deleted, updated_at
    )
    SELECT id, lower(id), 1, 1, '', 'Accepted', 30, 1, false, at {_NAMES}
    """,
    ),
)
_DIGEST = "UPDATE auth.stations SET password_digest = $2 WHERE station_id = $1"
_COUNT_NOW = (
    "UPDATE devices.counts SET begun_at = begun_at - interval '1 day', counted_at = begun_at - interval '1 day'"
)
_COUNTED = "SELECT extract(epoch FROM counted_at - begun_at)::float FROM devices.counts WHERE counted_at > begun_at"
_WRITES = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables"
_COUNTS_S = 180.0


def _name(number: int) -> str:
    return f"M{number:07}"


@dataclass(frozen=True, slots=True)
class _Bench:
    target: Target
    kafka: str
    database: asyncpg.Connection
    say: Callable[[str], None]

    async def cost(self, what: str, count: int, work: Awaitable[object]) -> dict[str, Any]:
        """What it takes until all services have done their part."""
        self.say(f"{what}, {count:,} times")
        writes, began, before = await self._writes(), time.perf_counter(), cpu_by_part(self.target)
        await work
        await caught_up(self.kafka, _GROUPS)
        seconds, used = time.perf_counter() - began, per_message_us(before, cpu_by_part(self.target), count)
        return {
            "what": what,
            "count": count,
            "seconds": round(seconds, 1),
            "writes": round((await self._writes() - writes) / count, 2),
            "cpu_us": {name: round(value, 1) for name, value in used.items()},
        }

    async def _writes(self) -> int:
        await asyncio.sleep(2)  # PostgreSQL's processes tell what they did after a second
        return int(await self.database.fetchval(_WRITES))

    async def counted(self) -> float:
        """Wait until the fleet is counted. Returns the seconds from its begin to its end."""
        async with asyncio.timeout(_COUNTS_S):
            while (seconds := await self.database.fetchval(_COUNTED)) is None:  # noqa: ASYNC110 nobody tells us
                await asyncio.sleep(0.2)
        return round(float(seconds), 1)

    def memory(self) -> dict[str, float]:
        """MiB by process; PostgreSQL with its children."""
        found = {name: memory_bytes(pid) for name, pid in (self.target.pids | self.target.stores).items()}
        if "postgres" in found:
            found["postgres"] += sum(map(memory_bytes, children(self.target.stores["postgres"])))
        return {name: round(value / 2**20) for name, value in found.items()}

    async def sizes(self) -> dict[str, int]:
        """Bytes of the database by schema, indexes included."""
        query = (
            "SELECT schemaname, sum(pg_total_relation_size(relid))::bigint AS size"
            " FROM pg_stat_user_tables GROUP BY schemaname"
        )
        return {row["schemaname"]: row["size"] for row in await self.database.fetch(query)}


async def measure(settings: Settings) -> dict[str, Any]:
    """Target: none; what it costs. Nothing where Kafka and PostgreSQL cannot run."""
    if settings.stores is None:
        return {}
    stores, known, some = settings.stores, settings.stored_events // 10, 2 * settings.fleet
    await create_topics(stores.kafka, replace(ONE_BROKER, partitions=STATION_PARTITIONS))
    secret_key = secrets.token_hex(32)
    async with AsyncExitStack() as stack:
        services = systems.distributed(stores, CSMS_SECRET_KEY=secret_key, CSMS_COUNT_INTERVAL_S="3600")
        target = await stack.enter_async_context(services)
        database = await asyncpg.connect(stores.database_url)
        stack.push_async_callback(database.close)
        settings.say(f"storing {known:,} stations")
        await _fill(database, known, some, secret_key.encode())
        gateway = await stack.enter_async_context(played_gateway(stores.kafka, secret_key.encode()))
        bench = _Bench(target, stores.kafka, database, settings.say)
        rows = await _costs(bench, gateway, known, some)
        counting = await _counting(bench, gateway, some)
        return {
            "date": time.strftime("%Y-%m-%d"),
            "known": known,
            "partitions": STATION_PARTITIONS,
            "rows": rows,
            "counting": counting,
            "memory_mib": bench.memory(),
            "database_bytes": await bench.sizes(),
        }


async def _costs(bench: _Bench, gateway: PlayedGateway, known: int, some: int) -> list[dict[str, Any]]:
    back, others = [_name(number) for number in range(some)], [_name(number) for number in range(some, 3 * some)]
    storm = "a station comes back: connects with a password, boots, tells a status"
    bench.say("warming up")
    await _all_back(gateway, others[: some // 4], _STORM)
    return [
        await bench.cost("a station was heard from (presence)", known, gateway.heard_from(map(_name, range(known)))),
        await bench.cost(storm, some, _all_back(gateway, back, _STORM)),
        await bench.cost("the same stations again", some, _all_back(gateway, back, _STORM)),
        await bench.cost("a connection record of a new connection", len(others), gateway.connected(others)),
        await bench.cost("the same connection told again", len(others), gateway.still_connected(others)),
    ]


async def _fill(database: asyncpg.Connection, known: int, some: int, secret_key: bytes) -> None:
    for schema, statement in _STORED:
        await database.execute(f"SET search_path = {schema}")  # a trigger wants it
        await database.execute(statement, known)
    names = [_name(number) for number in range(2 * some)]
    await database.executemany(_DIGEST, [(name, passwords.digest(secret_key, name, PASSWORD)) for name in names])
    await database.execute("VACUUM (ANALYZE)")


async def _all_back(gateway: PlayedGateway, stations: Iterable[str], at_once: int) -> list[float]:
    """Have the stations come back; the seconds that each took."""
    todo, seconds = iter(stations), []

    async def some() -> None:
        for station_id in todo:
            seconds.append(await gateway.come_back(station_id))  # noqa: PERF401 several tasks share the list

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(some())
    return seconds


async def _counting(bench: _Bench, gateway: PlayedGateway, some: int) -> dict[str, Any]:
    """Count the fleet alone, then while stations come back, and see how long these take without and with it."""
    stations = [_name(number) for number in range(some)]
    bench.say("counting the fleet")
    await bench.database.execute(_COUNT_NOW)
    before = cpu_by_part(bench.target)
    alone_s = await bench.counted()
    used = {name: after - before[name] for name, after in cpu_by_part(bench.target).items()}
    bench.say(f"stations come back, {_MODERATE} at a time, without and with a count")
    without = await _all_back(gateway, stations[: some // 4], _MODERATE)
    await bench.database.execute(_COUNT_NOW)
    counted = asyncio.create_task(bench.counted())
    during: list[float] = []
    while not counted.done():
        during += await _all_back(gateway, stations[:500], _MODERATE)
    return {
        "alone_s": alone_s,
        "cpu_s": {name: round(seconds, 2) for name, seconds in used.items()},
        "during_s": await counted,
        "without": _times(without),
        "during": _times(during),
    }


def _times(seconds: list[float]) -> dict[str, Any]:
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "p50_ms": round(1000 * statistics.median(ordered), 1),
        "p99_ms": round(1000 * ordered[int(len(ordered) * 0.99)], 1),
        "max_ms": round(1000 * ordered[-1], 1),
    }
