"""How long the lists of the HTTP API take on a PostgreSQL that a fleet has filled for a year.

One process with all services, so that neither Kafka nor stations are needed: what is asked is the same.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import md5
from pathlib import Path
from typing import Any

import httpx2
from csms_db.migrations import upgrade
from csms_runtime.http.pages import encode_cursor
from csms_testing import systems
from csms_testing.postgres import LocalPostgres, postgres_requirement

from bench.filling import Size, fill
from bench.fleet import fleet
from bench.settings import Settings
from bench.systems import Target
from bench.usage import cpu_by_part, total

_MIGRATIONS = {
    "auth": "csms_auth",
    "transactions": "csms_transactions",
    "devices": "csms_device_mgmt",
    "history": "csms_history",
}
_ROUNDS = 12
"""More than five: from the sixth execution of a statement on, PostgreSQL may plan it without its values."""
READS = Path(__file__).parents[1] / "fill" / "reads.txt"
"""What is asked, a line each, with the names of examples in braces."""
_CURSORS = {
    "middle": encode_cursor(["2026-06-30T12:00:00+00:00", "5"]),
    "middle_started": encode_cursor(["-started_at", "2026-06-30T12:00:00+00:00", "5"]),
    "middle_updated": encode_cursor(["-updated_at", "2026-06-30T12:00:00+00:00", "5"]),
    "middle_ended": encode_cursor(["-ended_at", "2026-06-30T12:00:00+00:00", "5"]),
    "middle_station": encode_cursor(["CS050000"]),
    "middle_number": encode_cursor([100_000]),
    "third": encode_cursor([3, -1]),
    "middle_message": encode_cursor([1_780_312_000_000_000, 40_000]),
}


@asynccontextmanager
async def full_database(
    directory: Path, size: Size, say: Callable[[str], None], *, durable: bool = False
) -> AsyncIterator[tuple[str, int]]:
    """Run a PostgreSQL that is full; its URL and process. `durable`: whether a commit waits for the disk."""
    directory.chmod(0o711)  # noqa: ASYNC240 # PostgreSQL runs as another user when we are root
    server = LocalPostgres(directory / "postgres", durable=durable)
    await asyncio.to_thread(server.start)
    try:
        for schema, scripts in _MIGRATIONS.items():
            await upgrade(server.url, schema, scripts)
        say(f"storing {size.transactions * size.each:,} events and what goes with them")
        await fill(server.url, size)
        yield server.url, server.pid or 0
    finally:
        await asyncio.to_thread(server.close)


async def read(directory: Path, database_url: str, postgres: int) -> list[dict[str, Any]]:
    """Ask everything, each several times; what it took in milliseconds. `postgres`: the server's process."""
    async with (
        systems.standalone(directory, CSMS_DATABASE_URL=database_url, CSMS_UNKNOWN_STATIONS_MOST="1000000") as system,
        fleet(system.ocpp_urls, 1),
        system.client() as client,
    ):
        examples = _CURSORS | await _examples(client)
        target = Target("reading", system.ocpp_urls, system.pids, {"postgres": postgres})
        return [await _measure(client, target, line, line.format(**examples)) for line in READS.read_text().split()]


async def _examples(client: httpx2.AsyncClient) -> dict[str, str]:
    """What some rows have."""
    transaction = (await client.get("/transactions", params={"station_id": "CS000007"})).json()["items"][-1]
    station = (await client.get("/stations/CS000099")).json()
    long = md5(b"long", usedforsecurity=False).hexdigest()
    return {
        "long": long,
        "key": transaction["id"],
        "id": transaction["transaction_id"],
        "serial": station["serial_number"][3:9],
    }


async def _measure(client: httpx2.AsyncClient, target: Target, line: str, url: str) -> dict[str, Any]:
    times: list[float] = []
    items, before = 0, 0.0
    for _ in range(_ROUNDS + 1):
        if len(times) == 1:  # the first one compiles the statement
            before = total(cpu_by_part(target))
        begin = time.perf_counter()
        answer = await client.get(url)
        times.append((time.perf_counter() - begin) * 1000)
        answer.raise_for_status()
        items = len(answer.json().get("items", [0]))
    return {
        "read": line,
        "items": items,
        "p50_ms": round(statistics.median(times[1:]), 1),
        "max_ms": round(max(times[1:]), 1),
        "cpu_ms": round((total(cpu_by_part(target)) - before) / _ROUNDS * 1000, 1),
    }


async def measure(settings: Settings) -> dict[str, Any]:
    """No list and no filter takes more than 100 ms, whatever is stored. Nothing where PostgreSQL cannot run."""
    missing = postgres_requirement()
    if missing:
        settings.say(missing)
        return {}
    size = Size(settings.stored_events // 10)
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as temporary:
        directory = Path(temporary)
        async with full_database(directory, size, settings.say) as (url, postgres):
            settings.say("reading")
            reads = await read(directory, url, postgres)
        return {"date": time.strftime("%Y-%m-%d"), "events": settings.stored_events, "reads": reads}
