"""The whole service on an in-process bus, with a gateway and an auth service that tests play."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import httpx2
import orjson
import pytest
from csms.v1.auth_pb2 import StationAdmission, StationAdmissionResult
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import (
    CONNECTION_STATE_CLOSED,
    CONNECTION_STATE_OPEN,
    GATEWAY_STATE_ALIVE,
    CallError,
    CommandResult,
    ConnectionRecord,
    GatewayStatus,
    Outcome,
    RemoteStart,
    RemoteStartNoted,
    StationCommand,
)
from csms_bus.memory import MemoryBus
from csms_bus.ports import Outgoing, RecordTooLarge, Start
from csms_bus.records import new_record
from csms_bus.topics import (
    AUTH_ADMISSIONS,
    CONNECTIONS,
    GATEWAY_INBOX,
    GATEWAY_STATUS,
    RESULTS,
    TRANSACTIONS_STARTS,
)
from csms_db.engine import Database
from csms_device_mgmt.app import DeviceManagement
from csms_device_mgmt.settings import DeviceSettings
from csms_runtime.clock import now_ms
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES
from csms_testing.databases import database_fixture

database = database_fixture("csms_device_mgmt", schema="devices", dialects=["sqlite"])
"""What SQL does on PostgreSQL is for the tests of store and handlers to show."""

DEADLINE_S = 10.0
Responder = Callable[[str, dict[str, Any]], Any]


class Reading:
    """Reads a topic in a task and hands its records on."""

    def __init__(
        self, bus: MemoryBus, topic: str, partition: int | None, take: Callable[[Record], Awaitable[None]]
    ) -> None:
        self._bus, self._topic, self._partition, self._take = bus, topic, partition, take
        self._ready = asyncio.Event()

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._read())
        await self._ready.wait()

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        async with self._bus.read(self._topic, partition=self._partition, start=Start.END) as reader:
            self._ready.set()
            async for batch in reader.batches():
                for incoming in batch:
                    if incoming.record is not None:
                        await self._take(incoming.record)


class FakeAuth:
    """Answers StationAdmission, or is silent."""

    def __init__(self, bus: MemoryBus) -> None:
        self.silent = False
        self.outdated = 0
        """How many more admissions count as older than what is known."""
        self.admissions: list[StationAdmission] = []
        self._bus = bus
        self.reading = Reading(bus, AUTH_ADMISSIONS.name, None, self._take)

    async def _take(self, record: Record) -> None:
        admission = record.station_admission
        self.admissions.append(admission)
        if self.silent or not admission.reply_to.topic:
            return
        applied, self.outdated = self.outdated <= 0, self.outdated - 1
        result = StationAdmissionResult(correlation_id=admission.correlation_id, applied=applied)
        answer = new_record(record.station_id, station_admission_result=result)
        await self._bus.publish([Outgoing(admission.reply_to.topic, answer, partition=admission.reply_to.partition)])


class FakeTransactions:
    """Notes remote starts, or is silent."""

    def __init__(self, bus: MemoryBus) -> None:
        self.silent = False
        self.noted: list[RemoteStart] = []
        self._bus = bus
        self.reading = Reading(bus, TRANSACTIONS_STARTS.name, None, self._take)

    async def _take(self, record: Record) -> None:
        start = record.remote_start
        self.noted.append(start)
        if not self.silent:
            answer = new_record(
                record.station_id, remote_start_noted=RemoteStartNoted(correlation_id=start.correlation_id)
            )
            await self._bus.publish([Outgoing(start.reply_to.topic, answer, partition=start.reply_to.partition)])


class FakeGateway:
    """Holds connections of stations that `respond` plays.

    It gets action and payload and returns a response payload, the code of a CALLERROR, an Outcome, or None: silence.
    """

    def __init__(self, bus: MemoryBus, slot: int = 0) -> None:
        self.slot = slot
        self.epoch = now_ms()
        self.respond: Responder = lambda _action, _payload: {"status": "Accepted"}
        self.source = CallError.SOURCE_STATION
        """Of its errors."""
        self.sends = True
        """Whether what it answers was sent to the station before."""
        self.commands: list[StationCommand] = []
        self.closed: list[str] = []
        self.replies = 0
        """To stations' CALLs."""
        self._bus = bus
        self._numbers: dict[str, int] = {}
        self.reading = Reading(bus, GATEWAY_INBOX.name, slot, self._take)

    async def announce(self) -> None:
        status = GatewayStatus(gateway_slot=self.slot, gateway_epoch=self.epoch, state=GATEWAY_STATE_ALIVE)
        await self._bus.publish(
            [Outgoing(GATEWAY_STATUS.name, new_record("", gateway_status=status), key=str(self.slot))]
        )

    async def connect(
        self, station_id: str, connection_id: str = "c1", *, protocol: str = "ocpp2.0.1", security_profile: int = 1
    ) -> None:
        await self._publish(station_id, connection_id, CONNECTION_STATE_OPEN, protocol, security_profile)

    async def disconnect(self, station_id: str, connection_id: str = "c1") -> None:
        await self._publish(station_id, connection_id, CONNECTION_STATE_CLOSED, "ocpp2.0.1")

    async def _publish(
        self, station_id: str, connection_id: str, state: Any, protocol: str, security_profile: int = 1
    ) -> None:
        body = ConnectionRecord(
            state=state,
            gateway_slot=self.slot,
            gateway_epoch=self.epoch,
            connection_id=connection_id,
            connection_number=self._numbers.setdefault(connection_id, len(self._numbers) + 1),
            protocol=protocol,
            security_profile=security_profile,
            connected_at_ms=now_ms(),
            closed_at_ms=now_ms(),
        )
        await self._bus.publish([Outgoing(CONNECTIONS.name, new_record(station_id, connection=body))])

    async def _take(self, record: Record) -> None:
        if record.HasField("close_connection"):
            self.closed.append(record.close_connection.connection_id)
        self.replies += record.HasField("reply")
        if record.HasField("station_command"):
            command = record.station_command
            self.commands.append(command)
            answer = self.respond(command.action, orjson.loads(command.payload))
            if answer is not None:
                await self.result(record, answer)

    async def result(self, record: Record, answer: Any) -> None:
        body = CommandResult(command=record.station_command, sent_at_ms=now_ms(), completed_at_ms=now_ms())
        if isinstance(answer, dict):
            body.outcome, body.payload = Outcome.OUTCOME_RESULT, orjson.dumps(answer)
        elif isinstance(answer, str):
            body.outcome = Outcome.OUTCOME_ERROR
            error = CallError(code=answer, description="no", details=b"{}", source=self.source)
            body.error.CopyFrom(error)
        else:
            body.outcome = answer
        if answer == Outcome.OUTCOME_NOT_CONNECTED or not self.sends:
            body.sent_at_ms = 0
        await self._bus.publish([Outgoing(RESULTS.name, new_record(record.station_id, command_result=body))])

    @property
    def sent(self) -> list[tuple[str, Any]]:
        return [(command.action, orjson.loads(command.payload)) for command in self.commands]


@pytest.fixture
def bus(request: pytest.FixtureRequest) -> MemoryBus:
    """The bus; a test may name its largest message, in bytes."""
    return MemoryBus(max_message_bytes=getattr(request, "param", DEFAULT_MAX_MESSAGE_BYTES))


@pytest.fixture
async def auth(bus: MemoryBus) -> AsyncIterator[FakeAuth]:
    fake = FakeAuth(bus)
    async with fake.reading:
        yield fake


@pytest.fixture
async def transactions(bus: MemoryBus) -> AsyncIterator[FakeTransactions]:
    fake = FakeTransactions(bus)
    async with fake.reading:
        yield fake


@pytest.fixture
async def gateway(bus: MemoryBus) -> AsyncIterator[FakeGateway]:
    fake = FakeGateway(bus)
    async with fake.reading:
        await fake.announce()
        yield fake


@pytest.fixture
def players(bus: MemoryBus, auth: FakeAuth, gateway: FakeGateway) -> MemoryBus:
    """The bus with auth and gateway at work."""
    assert auth.reading
    assert gateway.reading
    return bus


@pytest.fixture
async def service(
    players: MemoryBus, database: Database, settings: DeviceSettings, secret_key: bytes
) -> AsyncIterator[DeviceManagement]:
    """Runs the service."""
    made = DeviceManagement(players, database, settings, Health(), keys=SecretKeys(secret_key))
    stop = asyncio.Event()
    running = asyncio.create_task(made.run(stop))
    async with asyncio.timeout(DEADLINE_S):
        await made.ready()
    yield made
    stop.set()
    async with asyncio.timeout(DEADLINE_S):
        await running


@pytest.fixture
async def clients(service: DeviceManagement) -> AsyncIterator[Callable[[str], httpx2.AsyncClient]]:
    """Makes HTTP clients by scope."""
    keys = ApiKeys.for_tests(admin="admin-key", operate="operate-key", read="read-key")
    app = create_app(
        "test", routers=service.routers, keys=keys, health=Health(), version="0", too_large=[RecordTooLarge]
    )
    opened: list[httpx2.AsyncClient] = []

    def make(scope: str) -> httpx2.AsyncClient:
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app),
            base_url="http://test/api/v1",
            headers={"Authorization": f"Bearer {scope}-key"},
        )
        opened.append(client)
        return client

    yield make
    for client in opened:
        await client.aclose()


@pytest.fixture
def api(clients: Callable[[str], httpx2.AsyncClient]) -> httpx2.AsyncClient:
    return clients("admin")


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """Returns what a check returns as soon as it is true."""

    async def poll(check: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(DEADLINE_S):
            while not (found := await check()):  # noqa: ASYNC110 what is polled is behind HTTP
                await asyncio.sleep(0.01)
        return found

    return poll


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stations of these tests do not boot unless they say so, and nobody waits for it."""
    monkeypatch.setattr("csms_device_mgmt.commands.execution.FIRST_BOOT_S", 0)
    monkeypatch.setattr("csms_device_mgmt.commands.remote_starts.WAIT_S", 0.2)


@pytest.fixture
async def connected(api: httpx2.AsyncClient, gateway: FakeGateway, eventually: Any, station_id: str) -> str:
    """A station that exists and is connected."""
    (await api.put(f"/stations/{station_id}", json={})).raise_for_status()
    await gateway.connect(station_id)

    async def shown() -> bool:
        found = (await api.get(f"/stations/{station_id}")).json()
        return bool(found["connected"] and found["protocol"])

    await eventually(shown)
    return station_id


def pointers(answer: httpx2.Response) -> Sequence[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


@pytest.fixture(name="pointers")
def pointers_fixture() -> Callable[[httpx2.Response], Sequence[str]]:
    return pointers
