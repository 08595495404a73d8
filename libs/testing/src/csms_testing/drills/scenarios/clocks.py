"""Clocks that jump: a station's by years, a server's by hours (where Debian's libfaketime is installed)."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from csms_testing.cluster.processes import ServiceProcess
from csms_testing.drills.drill import Drill, Scene, Stage

_YEARS = timedelta(days=3650)
_DEADLINE_S = 180.0
_LIBRARY = "faketime/libfaketime.so.1"


async def stations_jump(scene: Scene) -> float:
    """Half of the stations jump ten years ahead, the others ten years back, and all return to the truth."""
    for number, station in enumerate(scene.load.stations):
        station.clock_error = _YEARS if number % 2 else -_YEARS
    await scene.load.steady()
    await asyncio.sleep(scene.outage_s / 2)
    began = time.monotonic()
    for station in scene.load.stations:
        station.clock_error = timedelta()
    return await scene.load.served_again(began, _DEADLINE_S)


def _faketime() -> Path | None:
    """libfaketime, installed or named by CSMS_DRILL_FAKETIME."""
    named = os.environ.get("CSMS_DRILL_FAKETIME")
    if named:
        return Path(named)
    return next(iter(Path("/usr/lib").glob(f"*/{_LIBRARY}")), None)


@asynccontextmanager
async def _fake_clock(scene: Scene, process: ServiceProcess, library: Path) -> AsyncIterator[Path]:
    """Restart a process so that its wall clock obeys the file that is returned; in the end as it was."""
    file = scene.arena.directory / f"{process.name}.clock"
    file.write_text("+0")
    truth = process.environment
    process.environment = {
        **truth,
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    await _restart(process)
    try:
        yield file
    finally:
        process.environment = truth
        await _restart(process)


async def _restart(process: ServiceProcess) -> None:
    await process.stop()
    await process.start()
    await process.ready(180)


async def server_jumps(scene: Scene) -> float:
    """The clock of a gateway, then that of transactions, jumps a day ahead, and back; the gateway restarts then."""
    library = _faketime()
    if library is None:
        scene.notes["skipped"] = "libfaketime is not installed"
        return 0.0
    worst = 0.0
    for name in ("gateway-0", "transactions-0"):
        process = scene.arena.processes[name]
        async with _fake_clock(scene, process, library) as clock:
            await scene.load.steady()
            for jump in ("+86400", "-86400"):
                clock.write_text(jump)
                began = time.monotonic()
                await asyncio.sleep(scene.outage_s / 2)
                scene.notes[f"{name} {jump}: served"] = await _served(scene, began)
                back_at = time.monotonic()
                clock.write_text("+0")
                worst = max(worst, await scene.load.served_again(back_at, _DEADLINE_S))
                await scene.load.all_obey(60)
    return worst


async def _served(scene: Scene, since: float) -> int:
    """How many stations are served while the clock is wrong."""
    scene.load.ledger.watch(since)
    await asyncio.sleep(scene.outage_s / 2)
    return scene.load.served


async def gateway_from_the_future(scene: Scene) -> float:
    """A gateway starts while its clock is a day ahead, the clock is put right, the gateway restarts."""
    library = _faketime()
    if library is None:
        scene.notes["skipped"] = "libfaketime is not installed"
        return 0.0
    process = scene.arena.processes["gateway-0"]
    async with _fake_clock(scene, process, library) as clock:
        clock.write_text("+86400")
        await _restart(process)
        await scene.load.steady()
    began = time.monotonic()
    recovery_s = await scene.load.served_again(began, _DEADLINE_S)
    await scene.load.all_obey(60)
    return recovery_s


DRILLS = (
    Drill("station-clocks", "stations' clocks jump by ten years and back", Stage.CLUSTER, stations_jump),
    Drill("server-clocks", "a service's clock jumps by a day and back", Stage.CLUSTER, server_jumps),
    Drill("gateway-ahead", "a gateway began a day ahead of time", Stage.CLUSTER, gateway_from_the_future),
)
