"""No room left for SQLite, in standalone mode."""

import asyncio
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from csms_testing.drills.arena import Arena, standalone
from csms_testing.drills.drill import Drill, Scene, Stage
from csms_testing.drills.failure import DrillFailed
from csms_testing.simulator import Station

_DEADLINE_S = 120.0
_SIZE_MIB = 64
_LONGER_THAN_SERVICE_TIMEOUT_S = 15.0
_FILLER = "filler"


@asynccontextmanager
async def on_small_disk() -> AsyncIterator[Arena]:
    """Run the standalone mode on a small file system of its own where we may mount one."""
    with tempfile.TemporaryDirectory(prefix="csms-disk-") as name:
        mounted = await asyncio.to_thread(_mount, name)
        try:
            async with standalone(Path(name) / "data") as arena:
                yield arena
        finally:
            if mounted:
                await asyncio.to_thread(_run, "umount", "--lazy", name)


def _mount(directory: str) -> bool:
    return os.geteuid() == 0 and _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE_MIB}m", "tmpfs", directory)


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603  # fixed programs


def _data(scene: Scene) -> Path:
    return Path(scene.arena.processes["standalone"].environment["CSMS_DATA_DIR"])


def _fill(directory: Path) -> None:
    """Write until nothing fits any more."""
    with (directory / _FILLER).open("wb", buffering=0) as filler:
        block = b"\0" * 65536
        while block:
            try:
                filler.write(block)
            except OSError:
                block = block[: len(block) // 2]


def _limit(scene: Scene, size: int) -> None:
    """Where we cannot mount: the process may not write beyond the present size of its largest file."""
    pid = scene.arena.processes["standalone"].pid
    if pid is not None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def _take_room(scene: Scene) -> str:
    data = _data(scene)
    if data.parent.is_mount():
        _fill(data.parent)
        return "tmpfs full"
    _limit(scene, 16 * 1024)
    return "RLIMIT_FSIZE"


def _give_room(scene: Scene) -> None:
    (_data(scene).parent / _FILLER).unlink(missing_ok=True)
    _limit(scene, resource.RLIM_INFINITY)


async def disk_full(scene: Scene) -> float:
    """The disk is full for a while: stations are told to send again, and nothing is lost."""
    refused_before = scene.load.stats.errors
    scene.notes["means"] = await asyncio.to_thread(_take_room, scene)
    try:
        await asyncio.sleep(max(scene.outage_s, _LONGER_THAN_SERVICE_TIMEOUT_S))
        refused = scene.load.stats.errors - refused_before
    finally:
        began = time.monotonic()
        await asyncio.to_thread(_give_room, scene)
    recovery_s = await scene.load.served_again(began, _DEADLINE_S)
    scene.notes["call_errors"] = refused
    if not any(_was_refused(scene, station) for station in scene.load.stations):
        raise DrillFailed("no station was told that its event could not be stored")
    return recovery_s


def _was_refused(scene: Scene, station: Station) -> bool:
    entries = scene.load.ledger.entries(station.id)
    return any("InternalError" in error for entry in entries for error in entry.errors)


async def killed(scene: Scene) -> float:
    """Kill -9 of the one process."""
    process = scene.arena.processes["standalone"]
    await process.kill()
    began = time.monotonic()
    await process.start()
    await process.ready(180)
    return await scene.load.served_again(began, _DEADLINE_S)


DRILLS = (
    Drill("kill-standalone", "kill -9 of the standalone process", Stage.STANDALONE, killed),
    Drill("disk-full", "no room left for SQLite", Stage.STANDALONE, disk_full),
)
