"""Faults of stations."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx2

from csms_testing.alarms.fault import Fault, Scene
from csms_testing.scripted import RawStation, station

_PAUSE_S = 2.0
_SILENT = 4
"""Stations that answer no command: too few for an alert on their vendor."""
_VARIABLES = {"getVariableData": [{"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}]}
_EVENT = {"type": "FirmwareUpdated", "timestamp": "2026-01-01T00:00:00Z"}
_EVENT_PAUSE_S = 0.2
_BOOT = {"reason": "PowerUp", "chargingStation": {"model": "Silent", "vendorName": "Silent"}}


@asynccontextmanager
async def coming_and_going(scene: Scene) -> AsyncIterator[None]:
    """Have stations lose their connections all the time, so that there are handshakes."""

    async def drop() -> None:
        while True:
            for each in scene.load.stations[:6]:
                each.drop_connection()
            await asyncio.sleep(_PAUSE_S)

    task = asyncio.create_task(drop())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def stations_offline(scene: Scene) -> AsyncIterator[None]:
    """All stations, which are of one vendor, lose their network."""
    for each in scene.load.stations:
        each.go_offline()
    try:
        yield
    finally:
        for each in scene.load.stations:
            each.go_online()


@asynccontextmanager
async def some_offline(scene: Scene) -> AsyncIterator[None]:
    """A quarter of the stations loses its network: too few at a time for what looks at the last hour."""
    lost = scene.load.stations[: len(scene.load.stations) // 4]
    for each in lost:
        each.go_offline()
    try:
        yield
    finally:
        for each in lost:
            each.go_online()


@asynccontextmanager
async def one_floods(scene: Scene) -> AsyncIterator[None]:
    """A station sends Heartbeats as fast as the socket takes them."""
    url = scene.arena.ocpp_urls[0]
    command = [sys.executable, "-m", "csms_testing.hostile", "calls", "--url", url, "--seconds", "120"]
    attacker = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            attacker.terminate()
        await attacker.wait()


@asynccontextmanager
async def commands_unanswered(scene: Scene) -> AsyncIterator[None]:
    """Some stations boot and answer no command, while somebody sends them some."""
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        running = []
        for number in range(_SILENT):
            name = f"ALARM-SILENT-{number}"
            socket = await stack.enter_async_context(station(f"{scene.arena.ocpp_urls[0]}/{name}"))
            await RawStation(socket).call("BootNotification", _BOOT)
            running.append(tasks.create_task(_command(scene, name)))
        try:
            yield
        finally:
            for task in running:
                task.cancel()


@asynccontextmanager
async def events_refused(scene: Scene) -> AsyncIterator[None]:
    """The database refuses what some stations tell: the handler fails for them, as with a bug that meets not all."""
    table = "devices.notifications"
    await scene.execute(f"ALTER TABLE {table} ADD CONSTRAINT alarm CHECK (station_id NOT LIKE 'ALARM-%') NOT VALID")
    try:
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            running = []
            for number in range(_SILENT):
                socket = await stack.enter_async_context(station(f"{scene.arena.ocpp_urls[0]}/ALARM-EVENTS-{number}"))
                await RawStation(socket).call("BootNotification", _BOOT)
                running.append(tasks.create_task(_tell(RawStation(socket))))
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
    finally:
        await scene.execute(f"ALTER TABLE {table} DROP CONSTRAINT alarm")


async def _tell(told: RawStation) -> None:
    while True:
        with suppress(TimeoutError, AssertionError):  # while the service gives up the first ones
            await told.call("SecurityEventNotification", _EVENT)
        await asyncio.sleep(_EVENT_PAUSE_S)


async def _command(scene: Scene, name: str) -> None:
    while True:
        with suppress(httpx2.TransportError):
            await scene.arena.api.request("POST", f"/stations/{name}/calls/GetVariables", _VARIABLES, {"timeout_s": 1})


FAULTS: tuple[Fault, ...] = (
    Fault(
        "stations-offline",
        "all stations, of one vendor, lose their network",
        frozenset({"CsmsStationsGone", "CsmsVendorGone"}),
        stations_offline,
    ),
    Fault(
        "some-offline",
        "a quarter of the stations is lost",
        frozenset({"CsmsStationsDwindle"}),
        some_offline,
    ),
    Fault("one-floods", "a station floods", frozenset({"CsmsStationsFlood"}), one_floods),
    Fault(
        "events-refused",
        "a handler fails for what some stations tell",
        frozenset({"CsmsHandlersFail", "CsmsDeadLetters"}),
        events_refused,
    ),
    Fault(
        "commands-unanswered",
        "some stations answer no command",
        frozenset({"CsmsCommandsFail"}),
        commands_unanswered,
    ),
)
