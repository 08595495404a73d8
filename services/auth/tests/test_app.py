import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from csms.v1.auth_pb2 import RegistrationStatus
from csms.v1.bus_pb2 import Record
from csms_auth.app import Auth
from csms_auth.settings import AuthSettings
from csms_bus.memory import MemoryBus
from csms_bus.ports import Outgoing, Start
from csms_bus.topics import (
    AUTH_ADMISSIONS,
    CALLS_AUTH,
    DEAD_LETTERS,
    DEVICES_INBOX,
    EVENTS_AUTH,
    GATEWAY_INBOX,
)
from csms_db.engine import Database
from csms_runtime.health import Health
from csms_runtime.passwords import digest, digests
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations

Records = Any  # the fixture of conftest.py

KEY = b"a key for tests only"
DEADLINE_S = 20.0


class Running:
    """The service on an in-process bus."""

    def __init__(self, bus: MemoryBus, health: Health) -> None:
        self.bus = bus
        self.health = health

    async def send(self, *records: Record, topic: str = CALLS_AUTH.name) -> None:
        await self.bus.publish([Outgoing(topic, record) for record in records])

    async def admit(self, record: Record) -> Record:
        """Tell an admission as device-mgmt does, and wait for what becomes of it."""
        async with reading(self.bus, DEVICES_INBOX.name) as answers:
            await self.send(record, topic=AUTH_ADMISSIONS.name)
            return await next_of(answers)


@asynccontextmanager
async def running(database: Database, policy: UnknownStations = UnknownStations.REJECT) -> AsyncIterator[Running]:
    bus, health, stop = MemoryBus(), Health(), asyncio.Event()
    auth = Auth(bus, database, AuthSettings(unknown_stations=policy), health, keys=SecretKeys(KEY))
    await bus.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(auth.run(stop))
        await auth.ready()
        yield Running(bus, health)
        stop.set()
    await bus.stop()


@asynccontextmanager
async def reading(bus: MemoryBus, topic: str) -> AsyncIterator[asyncio.Queue[Record]]:
    """A queue of what is published on a topic meanwhile."""
    found: asyncio.Queue[Record] = asyncio.Queue()

    async def read(reader: Any) -> None:
        async for batch in reader.batches():
            for incoming in batch:
                found.put_nowait(incoming.record)

    async with bus.read(topic, partition=None, start=Start.END) as reader:
        task = asyncio.create_task(read(reader))
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.wait([task])


async def next_of(found: asyncio.Queue[Record]) -> Record:
    return await asyncio.wait_for(found.get(), DEADLINE_S)


async def test_station_is_admitted_and_connects(database: Database, records: Records) -> None:
    password = b"correct horse battery"
    async with running(database) as auth, reading(auth.bus, GATEWAY_INBOX.name) as inbox:
        admission = records.admit(
            "CS1",
            1,
            password_digest=digest(KEY, "CS1", password),
            registration_status=RegistrationStatus.REGISTRATION_STATUS_PENDING,
        )
        assert (await auth.admit(admission)).station_admission_result.applied
        await auth.send(records.connect("CS1", password_digests=digests(KEY, "CS1", password), deadline_ms=0))
        decision = (await next_of(inbox)).connection_decision
    assert decision.allowed
    assert decision.registration_status == RegistrationStatus.REGISTRATION_STATUS_PENDING


async def test_who_writes_as_a_gateway_does_not_change_credentials(database: Database, records: Records) -> None:
    ours, theirs = b"correct horse battery", b"the password of a thief"
    async with running(database) as auth, reading(auth.bus, DEAD_LETTERS.name) as letters:
        await auth.admit(records.admit("CS1", 1, password_digest=digest(KEY, "CS1", ours)))
        await auth.send(records.admit("CS1", 2, password_digest=digest(KEY, "CS1", theirs)))
        letter = await next_of(letters)
        async with reading(auth.bus, GATEWAY_INBOX.name) as inbox:
            await auth.send(records.connect("CS1", password_digests=digests(KEY, "CS1", theirs), deadline_ms=0))
            refused = (await next_of(inbox)).connection_decision
            await auth.send(records.connect("CS1", password_digests=digests(KEY, "CS1", ours), deadline_ms=0))
            allowed = (await next_of(inbox)).connection_decision
    assert letter.dead_letter.reason == "ocpp.calls.auth carries no station_admission"
    assert (refused.http_status, allowed.allowed) == (401, True)


async def test_refusal_becomes_an_event(database: Database, records: Records) -> None:
    async with running(database) as auth, reading(auth.bus, EVENTS_AUTH.name) as told:
        await auth.send(records.connect("CS9", deadline_ms=0))
        event = (await next_of(told)).event
    assert (event.station_id, event.connection_refused.http_status) == ("CS9", 404)


async def test_stations_call_is_answered(database: Database, records: Records) -> None:
    request = {"idToken": {"idToken": "X", "type": "Local"}}
    async with running(database) as auth, reading(auth.bus, GATEWAY_INBOX.name) as inbox:
        await auth.send(records.call("Authorize", request, deadline_ms=0))
        assert (await next_of(inbox)).reply.payload == b'{"idTokenInfo":{"status":"Unknown"}}'


async def test_payload_that_cannot_be_read_is_set_aside_and_the_rest_answered(
    database: Database, records: Records
) -> None:
    async with running(database) as auth, reading(auth.bus, GATEWAY_INBOX.name) as inbox:
        await auth.send(
            records.call("Authorize", b"{", deadline_ms=0, correlation_id="bad"),
            records.connect("CS1", deadline_ms=0),
        )
        answers = [await next_of(inbox), await next_of(inbox)]
    by_kind = {answer.WhichOneof("body"): answer for answer in answers}
    assert by_kind["reply"].reply.error.code == "InternalError"
    assert by_kind["connection_decision"].connection_decision.http_status == 404


async def test_health_follows_the_consumer(database: Database) -> None:
    async with running(database) as auth:
        assert auth.health.ready


@pytest.mark.parametrize(("seconds", "expected"), [(None, None), ("90", 90.0)])
def test_cache_expiry_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, seconds: str | None, expected: float | None
) -> None:
    if seconds is not None:
        monkeypatch.setenv("CSMS_TOKEN_CACHE_EXPIRY_S", seconds)
    cache_for = AuthSettings().rules.cache_for
    assert (cache_for and cache_for.total_seconds()) == expected
