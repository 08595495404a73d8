"""Stations that want to hurt, and strangers at the door, while others charge."""

import asyncio
import contextlib
import json
import secrets
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from csms_testing.drills.bystander import Bystander
from csms_testing.drills.drill import Drill, Play, Scene, Stage
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.usage import Usage
from csms_testing.hostile import kinds
from csms_testing.hostile.kinds import Kind

HEARTBEAT_P99_MS = 250.0
SHORT_P99_MS = 1500.0
"""In the short form, which shares its machine with other tests: what it is to find are stalls of many seconds."""
MEMORY_MIB = 64.0
DATABASE_MIB = 64.0
"""What the stored bytes of one attack may come to."""
SECONDS, _SHORT_S = 10.0, 3.0
_CONNECTIONS, _SHORT_CONNECTIONS = 2000, 400
_READY_S = 60.0
_DEADLINE_S = 60.0
_PASSWORD = secrets.token_urlsafe(16)
_VARIABLES: dict[str, Any] = {
    "getVariableData": [{"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}]
}


@dataclass(slots=True)
class _Felt:
    """What one attack did to the others."""

    kind: Kind
    shown: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def check(self, value: float, most: float, what: str) -> None:
        """Note what is more than it may be."""
        if value > most:
            self.wrong.append(f"{what} {value:g} (at most {most:g})")


def attacked(group: str) -> Play:
    """All kinds of a group, one after the other."""

    async def play(scene: Scene) -> float:
        connections = _SHORT_CONNECTIONS if scene.short else _CONNECTIONS
        return await withstands(scene, [kind for kind in kinds.kinds(connections) if kind.group == group])

    return play


async def withstands(scene: Scene, attacks: Sequence[Kind]) -> float:
    """Attack, measure what others feel, and write it down. Raises DrillFailed when they felt too much.

    Returns the longest time after an attack until all honest stations were served.
    """
    bystander = Bystander(scene.arena.api, scene.arena.ocpp_urls[0], f"{scene.load.prefix}BYSTANDER", _PASSWORD)
    await bystander.prepare()
    worst, failed = 0.0, []
    try:
        for kind in attacks:
            felt = await _one(scene, bystander, kind)
            scene.notes[kind.name] = felt.shown
            failed += [f"{kind.name}: {', '.join(felt.wrong)}"] if felt.wrong else []
            if felt.shown["back_s"] is None:
                break
            worst = max(worst, felt.shown["back_s"])
    finally:
        bystander.close()
    if failed:
        raise DrillFailed(f"{len(failed)} of {len(attacks)} attacks hurt others: {'; '.join(failed)}")
    return worst


async def _one(scene: Scene, bystander: Bystander, kind: Kind) -> _Felt:
    station_ids = await _hostile_stations(scene, kind)
    stats = scene.load.stats
    honest = (stats.errors, stats.losses, stats.timeouts)
    async with _attacker(scene, kind, station_ids) as attacker:
        usage = await Usage.of(scene.arena)
        bystander.forget()
        report = await _meanwhile(scene, bystander, attacker, station_ids if kind.commanded else [])
    began = time.monotonic()
    used = await usage.grown()
    felt = _Felt(kind)
    back_s = await _back(scene, felt, began)
    felt.shown = {
        "what": kind.what,
        "stations": kind.stations,
        "seconds": _SHORT_S if scene.short else SECONDS,
        "heartbeat_ms": bystander.heartbeat.shown(),
        "status_ms": bystander.status.shown(),
        "api_ms": bystander.api.shown(),
        **used,
        "back_s": back_s,
        "honest": dict(zip(("errors", "losses", "timeouts"), _since(scene, honest), strict=True)),
        "attack": report,
    }
    _judge(felt, scene, bystander)
    return felt


async def _back(scene: Scene, felt: _Felt, began: float) -> float | None:
    """Wait until all honest stations are served; how long that took, None when they are not."""
    try:
        return round(await scene.load.served_again(began, _DEADLINE_S), 2)
    except DrillFailed as failure:
        felt.wrong.append(str(failure))
        return None


def _since(scene: Scene, before: tuple[int, int, int]) -> list[int]:
    stats = scene.load.stats
    return [now - then for now, then in zip((stats.errors, stats.losses, stats.timeouts), before, strict=True)]


def _judge(felt: _Felt, scene: Scene, bystander: Bystander) -> None:
    shown = felt.shown
    most = SHORT_P99_MS if scene.short else HEARTBEAT_P99_MS
    felt.check(bystander.heartbeat.quantile(0.99), most, "Heartbeat p99, ms:")
    for name, grown in shown["memory_mib"].items():
        if name == "standalone" or name.startswith("gateway"):
            felt.check(grown, MEMORY_MIB + felt.kind.waiting_mib, f"memory of {name}, MiB:")
    felt.check(shown["database_mib"], DATABASE_MIB, "database, MiB:")
    for times, what in (
        (bystander.heartbeat, "Heartbeats"),
        (bystander.status, "statuses"),
        (bystander.api, "requests"),
    ):
        felt.check(times.failed, 0, f"{what} without their answer ({times.last_failure}):")
    felt.check(sum(shown["honest"].values()), 0, "errors, losses and timeouts of honest stations:")
    ended = [name for name, process in scene.arena.processes.items() if process.died]
    if ended:
        raise DrillFailed(f"{felt.kind.name}: {', '.join(ended)} ended by itself")
    shown["held"] = not felt.wrong


async def _hostile_stations(scene: Scene, kind: Kind) -> list[str]:
    names = [f"HOSTILE-{scene.load.prefix}{kind.name}-{number}" for number in range(kind.stations)]
    for name in names:
        registration = {"registration": "Pending"} if kind.pending else {}
        await scene.arena.api.put(f"/stations/{name}", {"security_profile": 1, "password": _PASSWORD, **registration})
    return names


@asynccontextmanager
async def _attacker(scene: Scene, kind: Kind, station_ids: Sequence[str]) -> AsyncIterator[Process]:
    """Run the attacker, a process of its own so that it does not slow down who measures, until it is ready."""
    arguments = [kind.name, "--url", scene.arena.ocpp_urls[0]]
    arguments += ["--seconds", str(_SHORT_S if scene.short else SECONDS)]
    arguments += ["--connections", str(_SHORT_CONNECTIONS if scene.short else _CONNECTIONS)]
    arguments += [f"--station={name}" for name in station_ids]
    arguments += [f"--password={_PASSWORD}"] if kind.known else []
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "csms_testing.hostile", *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _meanwhile(scene: Scene, bystander: Bystander, attacker: Process, commanded: Sequence[str]) -> dict[str, Any]:
    """Measure while the attack lasts; what the attacker reports."""
    output = attacker.stdout
    if output is None:
        raise RuntimeError("the attacker has no output")
    async with asyncio.timeout(_READY_S + 120):
        if await output.readline() != b"ready\n":
            raise DrillFailed(f"the attacker did not begin: {await _complaint(attacker)}")
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(bystander.run(stop))
            for station_id in commanded:
                group.create_task(_command(scene, station_id, stop))
            report = await output.readline()
            stop.set()
    if not report:
        raise DrillFailed(f"the attacker failed: {await _complaint(attacker)}")
    found: dict[str, Any] = json.loads(report)
    return found


async def _complaint(attacker: Process) -> str:
    return (await attacker.stderr.read()).decode(errors="replace")[-1000:] if attacker.stderr is not None else ""


async def _command(scene: Scene, station_id: str, stop: asyncio.Event) -> None:
    """Command a hostile station without pause: it answers with what it has."""
    while not stop.is_set():
        with contextlib.suppress(httpx2.TransportError):
            path = f"/stations/{station_id}/calls/GetVariables"
            await scene.arena.api.request("POST", path, _VARIABLES, params={"timeout_s": 5})
        await asyncio.sleep(0.02)


def _drills(stage: Stage, suffix: str) -> list[Drill]:
    whats = {
        kinds.FRAMES: "a hostile station floods",
        kinds.BOMBS: "a hostile station sends bombs",
        kinds.HEAVY: "a hostile station sends the heaviest that is allowed",
        kinds.LARGE: "a hostile station sends messages as large as may be",
        kinds.ANSWERS: "a hostile station sends odd values and answers",
        kinds.DOORS: "strangers at the door",
    }
    return [Drill(f"hostile-{group}{suffix}", what, stage, attacked(group)) for group, what in whats.items()]


DRILLS = (*_drills(Stage.CLUSTER, ""), *_drills(Stage.STANDALONE_ROOMY, "-standalone"))
