"""Services that are killed, added, removed, restarted."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from csms_testing.drills.commands import ANSWERED, NOT_CONNECTED
from csms_testing.drills.drill import Drill, Play, Scene, Stage
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.load import POLL_S

_DEADLINE_S = 180.0
_LEFT_ALONE_S = 3.0
_KNOWN_WITHIN_S = 5.0
"""When everyone must know that a station is connected."""


def kill(service: str) -> Play:
    """Kill -9 a service under load and start it again at once."""

    async def play(scene: Scene) -> float:
        process = scene.arena.processes[f"{service}-0"]
        await process.kill()
        killed_at = time.monotonic()
        await process.start()
        await process.ready(180)
        scene.notes["ready_s"] = round(time.monotonic() - killed_at, 2)
        return await scene.load.served_again(killed_at, _DEADLINE_S)

    return play


async def gateway_moves(scene: Scene) -> float:
    """Kill -9 a gateway for good; its stations come back at the other one."""
    arena = scene.arena
    dead_url, other_url = arena.ocpp_urls
    moving = [station for station in scene.load.stations if station.link.url == dead_url]
    await arena.processes["gateway-0"].kill()
    killed_at = time.monotonic()
    for station in moving:
        station.link.url = other_url  # what a load balancer does
    recovery_s = await scene.load.served_again(killed_at, _DEADLINE_S)
    scene.notes["moved"] = len(moving)
    await scene.load.all_obey(60)
    await arena.start_services(["gateway-0"])
    for station in moving:
        station.link.url = dead_url
        station.drop_connection()
    await scene.load.steady()
    return recovery_s


async def rebalance(scene: Scene) -> float:
    """Add two transactions processes, then remove them: one in order, one by kill -9."""
    arena, times = scene.arena, []
    added = ["transactions-1", "transactions-2"]
    began = time.monotonic()
    await arena.start_services(added)
    times.append(await scene.load.served_again(began, _DEADLINE_S))
    await asyncio.sleep(_LEFT_ALONE_S)
    began = time.monotonic()
    await arena.processes["transactions-1"].stop()
    times.append(await scene.load.served_again(began, _DEADLINE_S))
    began = time.monotonic()
    await arena.processes["transactions-2"].kill()
    times.append(await scene.load.served_again(began, _DEADLINE_S))
    scene.notes |= dict(zip(("added_s", "removed_s", "killed_s"), (round(value, 2) for value in times), strict=True))
    return max(times)


async def rolling(scene: Scene) -> float:
    """Restart every process, one after the other, in order, as an upgrade does."""
    worst = 0.0
    for name in ("auth-0", "transactions-0", "device-mgmt-0", "history-0", "gateway-0", "gateway-1"):
        process = scene.arena.processes[name]
        began = time.monotonic()
        await process.stop(deadline_s=40)
        await process.start()
        await process.ready(180)
        seconds = await scene.load.served_again(began, _DEADLINE_S)
        scene.notes[f"{name}_s"] = round(seconds, 2)
        worst = max(worst, seconds)
    return worst


async def everything(scene: Scene) -> float:
    """Kill -9 all services, Kafka and PostgreSQL at once, and start all of it again."""
    arena = scene.arena
    running = [name for name, process in arena.processes.items() if process.pid is not None]
    await asyncio.gather(*(arena.processes[name].kill() for name in running))
    await asyncio.gather(asyncio.to_thread(arena.broker.kill), asyncio.to_thread(arena.database.kill))
    began = time.monotonic()
    await asyncio.gather(asyncio.to_thread(arena.broker.start), asyncio.to_thread(arena.database.start))
    scene.notes["stores_s"] = round(time.monotonic() - began, 2)
    await arena.start_services(running)
    scene.notes["ready_s"] = round(time.monotonic() - began, 2)
    return await scene.load.served_again(began, 2 * _DEADLINE_S)


async def _answered(command: Callable[[str], Awaitable[str]], station_id: str) -> None:
    """Send until the station is known to be connected. Raises DrillFailed when what is sent gets no answer."""
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    while (outcome := await command(station_id)) != ANSWERED:
        if outcome != NOT_CONNECTED or time.monotonic() > deadline:
            raise DrillFailed(f"one of the first commands: {outcome}")
        await asyncio.sleep(POLL_S)


async def first_commands(scene: Scene) -> float:
    """Restart all services; the first commands after `/readyz` said yes must be answered."""
    arena, commands = scene.arena, scene.load.commands
    names = [name for name, process in arena.processes.items() if process.pid is not None]
    waits = []
    for _ in range(1 if scene.short else 3):
        await asyncio.gather(*(arena.processes[name].stop() for name in names))
        began = time.monotonic()
        await arena.start_services(names)
        first = scene.load.stations[0]
        await first.wait_accepted(60)
        asked_at = time.monotonic()
        await asyncio.gather(_answered(commands.ask, first.id), _answered(commands.remote_start, first.id))
        waits.append(time.monotonic() - asked_at)
        recovery_s = await scene.load.served_again(began, _DEADLINE_S)
    scene.notes["first_answers_s"] = [round(wait, 2) for wait in waits]
    return recovery_s


DRILLS = (
    Drill("kill-transactions", "kill -9 of transactions under load, restart", Stage.CLUSTER, kill("transactions")),
    Drill("kill-auth", "kill -9 of auth under load, restart", Stage.CLUSTER, kill("auth")),
    Drill("kill-device-mgmt", "kill -9 of device-mgmt under load, restart", Stage.CLUSTER, kill("device-mgmt")),
    Drill("kill-gateway", "kill -9 of a gateway under load, restart", Stage.CLUSTER, kill("gateway")),
    Drill("gateway-moves", "kill -9 of a gateway, its stations move to the other", Stage.CLUSTER, gateway_moves),
    Drill("rebalance", "transactions processes added, removed, killed", Stage.CLUSTER, rebalance),
    Drill("rolling-restart", "every process restarted in order, one by one", Stage.CLUSTER, rolling),
    Drill("first-commands", "all services restarted, commands as soon as ready", Stage.CLUSTER, first_commands),
    Drill("full-restart", "kill -9 of everything at once, restart", Stage.CLUSTER, everything),
)
