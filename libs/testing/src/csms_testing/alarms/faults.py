"""Faults of processes, stores and stations."""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer
from csms_bus.topics import CALLS_TRANSACTIONS

from csms_testing.alarms import in_database
from csms_testing.alarms.fault import Fault, Scene

_PAUSE_S = 2.0


@asynccontextmanager
async def _coming_and_going(scene: Scene) -> AsyncIterator[None]:
    """Have stations lose their connections all the time, so that there are handshakes."""

    async def drop() -> None:
        while True:
            for station in scene.load.stations[:6]:
                station.drop_connection()
            await asyncio.sleep(_PAUSE_S)

    task = asyncio.create_task(drop())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def postgres_frozen(scene: Scene) -> AsyncIterator[None]:
    """PostgreSQL answers nobody, its connections stay open."""
    await asyncio.to_thread(scene.arena.database.freeze)
    try:
        yield
    finally:
        await asyncio.to_thread(scene.arena.database.thaw)


@asynccontextmanager
async def postgres_away(scene: Scene) -> AsyncIterator[None]:
    """PostgreSQL refuses connections."""
    await asyncio.to_thread(scene.arena.database.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(scene.arena.database.start)


@asynccontextmanager
async def kafka_away(scene: Scene) -> AsyncIterator[None]:
    """The only broker is dead, and stations come and go."""
    await asyncio.to_thread(scene.arena.broker.kill)
    try:
        async with _coming_and_going(scene):
            yield
    finally:
        await asyncio.to_thread(scene.arena.broker.start)


@asynccontextmanager
async def auth_dead(scene: Scene) -> AsyncIterator[None]:
    """The only auth is dead, and stations come and go."""
    auth = scene.arena.processes["auth-0"]
    await auth.kill()
    try:
        async with _coming_and_going(scene):
            yield
    finally:
        await auth.start()
        await auth.ready(180)


@asynccontextmanager
async def transactions_frozen(scene: Scene) -> AsyncIterator[None]:
    """The only transactions stands still."""
    process = scene.arena.processes["transactions-0"]
    process.freeze()
    try:
        yield
    finally:
        process.thaw()


@asynccontextmanager
async def gateways_dead(scene: Scene) -> AsyncIterator[None]:
    """All gateways are dead."""
    gateways = [
        process for name, process in scene.arena.processes.items() if name.startswith("gateway") and process.pid
    ]
    for process in gateways:
        await process.kill()
    try:
        yield
    finally:
        await scene.arena.start_services([process.name for process in gateways])


@asynccontextmanager
async def stations_offline(scene: Scene) -> AsyncIterator[None]:
    """All stations, which are of one vendor, lose their network."""
    for station in scene.load.stations:
        station.go_offline()
    try:
        yield
    finally:
        for station in scene.load.stations:
            station.go_online()


@asynccontextmanager
async def auth_crashes(scene: Scene) -> AsyncIterator[None]:
    """Auth is started again and again."""
    auth = scene.arena.processes["auth-0"]
    for _ in range(3):
        await auth.kill()
        await auth.start()
        await auth.ready(180)
        await asyncio.sleep(2 * _PAUSE_S)  # until it was scraped
    yield


@asynccontextmanager
async def poison(scene: Scene) -> AsyncIterator[None]:
    """A record that nobody can handle."""
    producer = AIOKafkaProducer(bootstrap_servers=scene.arena.broker.bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(
            CALLS_TRANSACTIONS.name, b"\xff\xfe no record", key=scene.load.stations[0].id.encode()
        )
    finally:
        await producer.stop()
    yield


@asynccontextmanager
async def one_floods(scene: Scene) -> AsyncIterator[None]:
    """A station sends Heartbeats as fast as the socket takes them."""
    command = [
        sys.executable,
        "-m",
        "csms_testing.hostile",
        "calls",
        "--url",
        scene.arena.ocpp_urls[0],
        "--seconds",
        "110",
    ]
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
async def few_files(scene: Scene) -> AsyncIterator[None]:
    """A gateway may open hardly more files than it has."""
    pid = scene.arena.processes["gateway-0"].pid or 0
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    in_use = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 of the kernel, at once
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + in_use // 10 + 2, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


FAULTS: tuple[Fault, ...] = (
    Fault(
        "postgres-frozen",
        "PostgreSQL silent, connections open",
        frozenset({"CsmsDatabaseAway", "CsmsConsumerBehind", "CsmsConsumerStuck"}),
        postgres_frozen,
    ),
    Fault(
        "postgres-away",
        "PostgreSQL refuses connections",
        frozenset({"CsmsDatabaseAway", "CsmsDatabaseRefuses"}),
        postgres_away,
    ),
    Fault(
        "kafka-away",
        "no broker, stations come and go",
        frozenset({"CsmsKafkaAway", "CsmsPublishingFails", "CsmsEventsNotTaken", "CsmsHandshakesFail"}),
        kafka_away,
    ),
    Fault(
        "auth-dead",
        "the only auth is dead, stations come and go",
        frozenset({"CsmsTargetDown", "CsmsServiceMissing", "CsmsHandshakesFail"}),
        auth_dead,
    ),
    Fault(
        "transactions-frozen",
        "the only transactions process stands still",
        frozenset({"CsmsTargetDown", "CsmsServiceMissing", "CsmsAnswersSlow"}),
        transactions_frozen,
    ),
    Fault(
        "gateways-dead",
        "all gateways are dead",
        frozenset({"CsmsStationsGone", "CsmsTargetDown", "CsmsServiceMissing"}),
        gateways_dead,
    ),
    Fault(
        "stations-offline",
        "all stations, of one vendor, lose their network",
        frozenset({"CsmsStationsGone", "CsmsVendorGone"}),
        stations_offline,
    ),
    Fault("auth-crashes", "auth is started again and again", frozenset({"CsmsRestarts"}), auth_crashes),
    Fault("poison", "a record that nobody can handle", frozenset({"CsmsDeadLetters"}), poison),
    Fault("one-floods", "a station floods", frozenset({"CsmsStationsFlood"}), one_floods),
    Fault("few-files", "a gateway runs out of files", frozenset({"CsmsFilesRunOut"}), few_files),
    *in_database.FAULTS,
)
