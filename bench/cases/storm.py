"""A reconnect storm: all stations of a fleet, with passwords, connect and boot at the same moment."""

import asyncio
import itertools
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench import systems
from bench.fleet import Station, boot, connect, disconnect, names
from bench.settings import Settings
from bench.systems import Target
from bench.usage import cpu_by_part

_PASSWORD = "storm-bench-pass-word"  # noqa: S105 # of simulated stations
_AT_ONCE = 32
_RETRY_S = 1.0
_DEADLINE_S = 180.0


@dataclass(slots=True)
class _Storm:
    stations: list[Station] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """From the beginning until it had booted, by station."""
    refused: Counter[str] = field(default_factory=Counter)
    context: ssl.SSLContext | None = None
    began_at: float = field(default_factory=time.perf_counter)


async def register(target: Target, fleet: list[str], *, security_profile: int = 1) -> None:
    """Make the stations known, with their password, through the API."""
    todo = iter(fleet)
    async with target.client() as client:

        async def some() -> None:
            for name in todo:
                body = {"security_profile": security_profile, "password": _PASSWORD, "registration": "Accepted"}
                (await client.put(f"/stations/{name}", json=body)).raise_for_status()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(_AT_ONCE):
                tasks.create_task(some())


async def _come_back(storm: _Storm, url: str, name: str, number: int) -> None:
    while True:
        try:
            station = await connect(url, name, number, _PASSWORD, context=storm.context)
            storm.stations.append(station)
            await boot(station)
        except (OSError, TimeoutError) as error:
            storm.refused[str(getattr(error, "status", type(error).__name__))] += 1
            await asyncio.sleep(_RETRY_S)
        else:
            storm.seconds.append(time.perf_counter() - storm.began_at)
            return


async def storm_of(target: Target, fleet: list[str], context: ssl.SSLContext | None = None) -> dict[str, Any]:
    """Have all stations connect and boot at once, with TLS if a context is given."""
    storm, cpu = _Storm(context=context), cpu_by_part(target)
    urls = itertools.cycle(target.urls)
    stations = [_come_back(storm, next(urls), name, number) for number, name in enumerate(fleet)]
    try:
        async with asyncio.timeout(_DEADLINE_S):
            await asyncio.gather(*stations)
    except TimeoutError:
        storm.refused["not back in time"] += len(fleet) - len(storm.seconds)
    used = {name: seconds - cpu[name] for name, seconds in cpu_by_part(target).items()}
    await disconnect(storm.stations)
    ordered = sorted(storm.seconds) or [0.0]
    return {
        "stations": len(fleet),
        "booted": len(storm.seconds),
        "refused": dict(storm.refused),
        "seconds": round(ordered[-1], 2),
        "p50_s": round(ordered[len(ordered) // 2], 2),
        "p99_s": round(ordered[int(len(ordered) * 0.99)], 2),
        "cpu_ms_per_station": round(1000 * sum(used.values()) / len(fleet), 2),
        "cpu_ms_by_process": {name: round(1000 * seconds / len(fleet), 2) for name, seconds in used.items()},
    }


async def measure(settings: Settings) -> dict[str, Any]:
    """Target 4, and the same distributed, beside the baselines, which look at no password."""
    found: dict[str, Any] = {}
    for kind in systems.BASELINES:
        async with systems.baseline(kind) as target:
            found[target.name] = await _twice(settings, target)
    async with systems.standalone(CSMS_UNKNOWN_STATIONS="reject") as target:
        found[target.name] = await _twice(settings, target)
    if settings.stores is not None:
        async with systems.distributed(settings.stores) as target:
            found[target.name] = await _twice(settings, target)
    return found


async def _twice(settings: Settings, target: Target) -> dict[str, Any]:
    """Have all stations come, and again the moment they have hung up."""
    fleet = names(settings.fleet, "STORM")
    if target.http_url:
        settings.say(f"{target.name}: registering {len(fleet)} stations")
        await register(target, fleet)
    found = {}
    for which in ("first", "again"):
        settings.say(f"{target.name}: storm, {which}, {len(fleet)} stations at once")
        found[which] = await storm_of(target, fleet)
    return found
