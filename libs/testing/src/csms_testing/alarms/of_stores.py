"""Faults of PostgreSQL and Kafka, and of what is in Kafka."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import httpx2
from aiokafka import AIOKafkaProducer
from csms_bus.topics import CALLS_TRANSACTIONS

from csms_testing.alarms.fault import Fault, Scene
from csms_testing.alarms.of_stations import coming_and_going
from csms_testing.drills.api import API

_CLIENTS = 8
_LARGE = {"note": "x" * 60_000}
"""As much as the audit log keeps of a body: 600 of them fill it."""


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
        async with coming_and_going(scene):
            yield
    finally:
        await asyncio.to_thread(scene.arena.broker.start)


@asynccontextmanager
async def kafka_silent(scene: Scene) -> AsyncIterator[None]:
    """The only broker answers nobody, stations come and go, and a program changes things over the API without end."""
    broker = scene.arena.broker.nodes[0]
    broker.freeze()
    try:
        async with coming_and_going(scene), _changing(scene):
            yield
    finally:
        broker.thaw()


@asynccontextmanager
async def _changing(scene: Scene) -> AsyncIterator[None]:
    """Send changes of id tokens, more than the audit log has room for; that they are refused makes no difference."""
    numbers = itertools.count(1)
    auth = scene.arena.processes["auth-0"]
    headers = {"Authorization": f"Bearer {auth.environment['CSMS_ADMIN_API_KEY']}"}
    async with (
        httpx2.AsyncClient(base_url=f"{auth.http_url}{API}", headers=headers, timeout=30) as client,
        asyncio.TaskGroup() as clients,
    ):
        tasks = [clients.create_task(_change(client, numbers)) for _ in range(_CLIENTS)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _change(client: httpx2.AsyncClient, numbers: Iterator[int]) -> None:
    for number in numbers:
        with suppress(httpx2.TransportError):
            await client.put(f"/id-tokens/Central/ALARM{number}", json=_LARGE)


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
        "kafka-silent",
        "the broker is silent, stations come and go, more is changed over the API than the audit log has room for",
        frozenset(
            {
                "CsmsKafkaAway",
                "CsmsEventsNotTakenSlowly",
                "CsmsHandshakesFailSlowly",
                "CsmsRecordsLost",
                "CsmsAuditLost",
            }
        ),
        kafka_silent,
        fire_s=300,
    ),
    Fault("poison", "a record that nobody can handle", frozenset({"CsmsDeadLetters"}), poison),
)
