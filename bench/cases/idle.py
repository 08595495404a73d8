"""A large idle fleet: memory per connection, and CPU with a heartbeat per station and minute."""

import asyncio
from typing import Any

from bench import systems
from bench.fleet import Station, fleet
from bench.settings import Settings
from bench.systems import Target
from bench.usage import cpu_by_part, memory_bytes

_HEARTBEAT_S = 60.0
_SETTLE_S = 5.0


async def _heartbeats(stations: list[Station], seconds: float) -> int:
    """Let the fleet send its heartbeats, spread evenly; returns how many were answered."""
    answered = 0

    async def one(station: Station) -> None:
        nonlocal answered
        answer = await station.call(b'[2,"beat","Heartbeat",{}]')
        answered += answer.startswith(b"[3,")

    pause = _HEARTBEAT_S / len(stations)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(seconds / pause)):
            await asyncio.sleep(max(0.0, begin + number * pause - loop.time()))
            tasks.create_task(one(stations[number % len(stations)]))
    return answered


async def _idle(target: Target, settings: Settings) -> dict[str, Any]:
    # The first stations bring in what is loaded once: schemas, statements.
    async with fleet(target.urls, 100, prefix="WARM"):
        await asyncio.sleep(_SETTLE_S)
        before = memory_bytes(target.main_pid)
        settings.say(f"{target.name}: connecting {settings.fleet} stations")
        async with fleet(target.urls, settings.fleet) as stations:
            await asyncio.sleep(_SETTLE_S)
            after = memory_bytes(target.main_pid)
            settings.say(f"{target.name}: a heartbeat per station and minute, for {settings.idle_seconds:g} s")
            cpu = cpu_by_part(target)
            answered = await _heartbeats(stations, settings.idle_seconds)
            used = {name: seconds - cpu[name] for name, seconds in cpu_by_part(target).items()}
    return {
        "connections": settings.fleet,
        "process_mib": round(before / 2**20, 1),
        "kib_per_connection": round((after - before) / 1024 / settings.fleet, 1),
        "heartbeats": answered,
        "cpu_percent": {name: round(100 * s / settings.idle_seconds, 1) for name, s in used.items()},
    }


async def measure(settings: Settings) -> dict[str, Any]:
    """Target 3, beside the baselines."""
    found: dict[str, Any] = {}
    for kind in systems.BASELINES:
        async with systems.baseline(kind) as target:
            found[target.name] = await _idle(target, settings)
    async with systems.standalone() as target:
        found[target.name] = await _idle(target, settings)
    if settings.stores is not None:
        async with systems.distributed(settings.stores) as target:
            found[target.name] = await _idle(target, settings)
    return found
