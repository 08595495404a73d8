"""Does a message cost the same with many connections, and with a full database? And commands to many stations."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from csms_transactions.domain.identity import transaction_key

from bench import systems
from bench.cases.commands import answer_commands, single
from bench.fleet import Station, fleet
from bench.load import transaction_events
from bench.runs import WARM_UP_S, Run, run, summary
from bench.settings import Settings
from bench.systems import Target

_EVENTS_PER_TRANSACTION = 100
_PAYLOAD_BYTES = 350
_CHUNK = 50_000


async def _runs(target: Target, stations: list[Station], settings: Settings) -> dict[str, Any]:
    active = stations[: settings.active]
    await run(target, active, transaction_events, WARM_UP_S)
    runs: list[Run] = [await run(target, active, transaction_events, settings.seconds) for _ in range(settings.rounds)]
    return summary(runs)


async def _by_connections(settings: Settings) -> dict[str, Any]:
    """100, ten and a hundred times as many, each on a server of its own, measured in turn, with E in each turn."""
    counts = sorted({max(100, settings.fleet // 100), settings.fleet // 10, settings.fleet})
    runs: dict[str, list[Run]] = {name: [] for name in ("E", *map(str, counts))}
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(systems.baseline("E"))
        measured = {"E": (bare, await stack.enter_async_context(fleet(bare.urls, settings.active)))}
        for count in counts:
            settings.say(f"connecting {count} stations")
            target = await stack.enter_async_context(systems.standalone())
            measured[str(count)] = (target, await stack.enter_async_context(fleet(target.urls, count)))
        for target, stations in measured.values():
            await run(target, stations[: settings.active], transaction_events, WARM_UP_S)
        for number in range(settings.rounds):
            settings.say(f"{', '.join(measured)} connected, round {number + 1} of {settings.rounds}")
            for name, (target, stations) in measured.items():
                runs[name].append(await run(target, stations[: settings.active], transaction_events, settings.seconds))
    ceiling = summary(runs.pop("E"))
    return {name: summary(found) | {"e_cpu_us": ceiling["cpu_us"]} for name, found in runs.items()}


def _rows(first: int, count: int) -> Iterator[tuple[Any, ...]]:
    payload, key = b"x" * _PAYLOAD_BYTES, ""
    for number in range(first, first + count):
        if number % _EVENTS_PER_TRANSACTION == 0:
            key = transaction_key("FULL", str(number))  # spread over all keys, as real ones are
        yield (key, number % _EVENTS_PER_TRANSACTION, 1_760_000_000_000_000 + number, payload)


def fill(file: Path, events: int) -> None:
    """Put so many events, and their transactions, into a database that the migrations have made. Blocks."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    for first in range(0, events, _CHUNK):
        rows = list(_rows(first, min(_CHUNK, events - first)))
        connection.execute("BEGIN")
        connection.executemany(
            'INSERT INTO transaction_events ("transaction", seq_no, protocol, event_type, trigger_reason, timestamp,'
            " offline, received_at, payload) VALUES (?, ?, 'ocpp2.0.1', 'Updated', 'MeterValuePeriodic', ?, 0, 0, ?)",
            rows,
        )
        connection.executemany(
            "INSERT INTO transactions (id, station_id, transaction_id, state, started_at, meter_start_exact,"
            " meter_stop_exact, last_seq_no, event_count, gaps, started_seen, offline_events, updated_at)"
            " VALUES (?, 'FULL-' || substr(?, 20), ?, 'Ended', ?, 0, 0, 99, 100, '[]', 1, 0, 0)",
            [(key, key, key, at) for key, seq_no, at, _ in rows if seq_no == 0],
        )
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _by_history(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as temporary:
        directory = Path(temporary)
        for name in ("empty", "full"):
            async with systems.standalone(directory) as target, fleet(target.urls, settings.active) as stations:
                settings.say(f"{name} database")
                found[name] = await _runs(target, stations, settings)
            file = directory / "data" / "transactions.db"
            if name == "empty":
                settings.say(f"storing {settings.stored_events:,} events")
                await asyncio.to_thread(fill, file, settings.stored_events)
                found["bytes"] = file.stat().st_size
        found["events"] = settings.stored_events
    return found


async def _commands(settings: Settings) -> dict[str, Any]:
    """A command to each of many stations, all at once, through the API; each waits for its station's answer."""
    async with systems.standalone() as target, fleet(target.urls, settings.commands) as stations:
        answer_commands(stations)
        settings.say(f"commands to {len(stations)} stations in parallel")
        async with target.client() as client:
            await asyncio.gather(*(single(client, station) for station in stations[:20]))  # opens connections
            begin = time.perf_counter()
            answers = await asyncio.gather(*(single(client, station) for station in stations))
            seconds = time.perf_counter() - begin
    latencies = sorted(latency for latency, _ in answers)
    return {
        "stations": len(answers),
        "accepted": sum(accepted for _, accepted in answers),
        "seconds": round(seconds, 2),
        "per_second": round(len(answers) / seconds, 1),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1000, 1),
    }


async def measure(settings: Settings) -> dict[str, Any]:
    """Target 5."""
    return {
        "connections": await _by_connections(settings),
        "history": await _by_history(settings),
        "commands": await _commands(settings),
    }
