"""Records as gateways publish them, and units of work on a database that the migrations made."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import StationAdmission
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent
from csms.v1.station_pb2 import (
    CONNECTION_STATE_CLOSED,
    CONNECTION_STATE_OPEN,
    CallError,
    CommandResult,
    ConnectionRecord,
    Outcome,
    ReplyTo,
    StationCall,
    StationCommand,
)
from csms_bus.gateways import Gateways
from csms_bus.memory import MemoryBus
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import new_record
from csms_db.engine import Database
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.command import Command, Target
from csms_device_mgmt.commands.new_call import new_call
from csms_device_mgmt.consumers import handled
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Units
from csms_runtime.clock import now_ms
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations
from csms_testing.databases import database_fixture

database = database_fixture("csms_device_mgmt", schema="devices")

SECRET_KEY = b"a key for tests only, long enough"
STATION = "CS1"


FIRST = Target(0, 100, "a", ord("a"))
"""What `Records.connection("a")` opens."""


class Records:
    """Builds records."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    def call(
        self, action: str, payload: dict[str, Any], *, station_id: str = STATION, protocol: str = "ocpp2.0.1"
    ) -> Record:
        number = next(self._ids)
        body = StationCall(
            reply_to=ReplyTo(topic="gateway.inbox", partition=3),
            correlation_id=f"correlation-{number}",
            protocol=protocol,
            action=action,
            message_id=f"message-{number}",
            payload=orjson.dumps(payload),
            received_at_ms=now_ms() + number,
            deadline_ms=now_ms() + 10_000,
        )
        return new_record(station_id, station_call=body)

    def boot(self, *, station_id: str = STATION, reason: str = "PowerUp", **hardware: Any) -> Record:
        station = {"model": "Model 1", "vendorName": "Vendor", **hardware}
        return self.call("BootNotification", {"reason": reason, "chargingStation": station}, station_id=station_id)

    def status(
        self, status: str, *, evse_id: int = 1, connector_id: int = 1, timestamp: str = "2026-01-01T00:00:00Z"
    ) -> Record:
        payload = {"timestamp": timestamp, "connectorStatus": status, "evseId": evse_id, "connectorId": connector_id}
        return self.call("StatusNotification", payload)

    def report_part(
        self, seq_no: int, *, tbc: bool | None, request_id: int = 1, data: list[Any] | None = None
    ) -> Record:
        payload: dict[str, Any] = {"requestId": request_id, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": seq_no}
        if tbc is not None:
            payload["tbc"] = tbc
        if data is not None:
            payload["reportData"] = data
        return self.call("NotifyReport", payload)

    def connection(
        self,
        connection_id: str,
        *,
        is_open: bool = True,
        slot: int = 0,
        epoch: int = 100,
        station_id: str = STATION,
        protocol: str = "ocpp2.0.1",
        number: int = 0,
        refresh: bool = False,
    ) -> Record:
        """`number` 0: as high as the connections are late in the alphabet."""
        body = ConnectionRecord(
            state=CONNECTION_STATE_OPEN if is_open else CONNECTION_STATE_CLOSED,
            gateway_slot=slot,
            gateway_epoch=epoch,
            connection_id=connection_id,
            connection_number=number or ord(connection_id[-1]),
            refresh=refresh,
            protocol=protocol,
            security_profile=1,
            remote_address="192.0.2.1",
            connected_at_ms=now_ms(),
            closed_at_ms=0 if is_open else now_ms(),
            close_code=0 if is_open else 1006,
            close_reason="" if is_open else "gone",
        )
        return new_record(station_id, connection=body)

    def result(
        self,
        action: str,
        request: dict[str, Any],
        response: dict[str, Any] | None = None,
        *,
        call_id: str = "call-1",
        outcome: Outcome.ValueType = Outcome.OUTCOME_RESULT,
        origin: str = "device-mgmt",
        reply_topic: str = "devices.inbox",
        sent: bool = True,
        sent_at_ms: int | None = None,
        target: Target = FIRST,
    ) -> Record:
        command = StationCommand(
            reply_to=ReplyTo(topic=reply_topic, partition=2),
            correlation_id=call_id,
            protocol="ocpp2.0.1",
            action=action,
            payload=orjson.dumps(request),
            timeout_ms=1000,
            deadline_ms=now_ms() + 1000,
            origin=origin,
            gateway_epoch=target.epoch,
            connection_id=target.connection_id,
            connection_number=target.number,
        )
        body = CommandResult(
            command=command,
            outcome=outcome,
            payload=orjson.dumps(response) if outcome == Outcome.OUTCOME_RESULT else b"",
            error=CallError(code="NotSupported", description="no", details=b"{}")
            if outcome == Outcome.OUTCOME_ERROR
            else None,
            sent_at_ms=(sent_at_ms or now_ms()) if sent else 0,
            completed_at_ms=now_ms() + 5,
        )
        return new_record(STATION, command_result=body)


@pytest.fixture
def records() -> Records:
    return Records()


_offsets = itertools.count()


@pytest.fixture
def incoming() -> Callable[..., Incoming]:
    """Makes a record one that was read."""

    def make(record: Record, *, topic: str = "ocpp.calls.devices", offset: int | None = None) -> Incoming:
        number = next(_offsets) if offset is None else offset
        return Incoming(topic, 0, number, record.station_id, record, record.SerializeToString())

    return make


@pytest.fixture
def settings() -> DeviceSettings:
    return DeviceSettings(
        unknown_stations=UnknownStations.ACCEPT, service_timeout_s=1.0, call_timeout_s=5.0, call_grace_s=0.2
    )


@pytest.fixture
def secret_key() -> bytes:
    return SECRET_KEY


@pytest.fixture
def station_id() -> str:
    return STATION


class FakeGateways(Gateways):
    """All gateways live but those that a test names."""

    def __init__(self) -> None:
        super().__init__(MemoryBus())
        self.gone: set[tuple[int, int]] = set()

    def lives(self, slot: int, epoch: int) -> bool:
        return (slot, epoch) not in self.gone


@pytest.fixture
def gateways() -> FakeGateways:
    return FakeGateways()


@pytest.fixture
def units(database: Database, settings: DeviceSettings, secret_key: bytes, gateways: FakeGateways) -> Units:
    return Units(database, settings, SecretKeys(secret_key), gateways, lambda: None)


class Applied:
    """What handling a record led to."""

    def __init__(self, replies: list[Outgoing], told: list[Outgoing]) -> None:
        self.replies = replies
        self.told = told
        """Through the outbox."""

    @property
    def answer(self) -> Any:
        (reply,) = self.replies
        return orjson.loads(reply.record.reply.payload)

    @property
    def events(self) -> list[DomainEvent]:
        return [item.record.event for item in self.told if item.record.HasField("event")]

    @property
    def event_kinds(self) -> list[str | None]:
        return [event.WhichOneof("event") for event in self.events]

    @property
    def admissions(self) -> list[StationAdmission]:
        return [item.record.station_admission for item in self.told if item.record.HasField("station_admission")]


async def _recorded(units: Units, record: Record) -> None:
    body = record.command_result.command
    command = Command(
        body.correlation_id,
        record.station_id,
        body.protocol,
        body.action,
        orjson.loads(body.payload),
        body.timeout_ms / 1000,
        body.origin,
    )
    target = Target(0, body.gateway_epoch, body.connection_id, body.connection_number)
    async with units.open() as unit:
        await call_rows.add(unit.session, await new_call(unit, command, target, requested_by="test"))


@pytest.fixture
def apply(units: Units, incoming: Callable[..., Incoming]) -> Callable[..., Awaitable[Applied]]:
    """Handles a record in a transaction of its own, as the consumer does.

    The call of a result is recorded before, unless it is or the test says otherwise: nothing is sent that is not.
    """

    async def do(record: Record, *, recorded: bool = True) -> Applied:
        if recorded and record.HasField("command_result"):
            await _recorded(units, record)
        async with units.open() as unit:
            rows = await station_rows.lock(unit.session, [record.station_id])
            replies = await handled(unit, incoming(record), record)
            assert unit.following == []  # it is for whoever publishes the replies
            del rows
        return Applied(replies, unit.outgoing)

    return do


@pytest.fixture
def station_row(units: Units) -> Callable[[], Awaitable[Station | None]]:
    """Reads the station's row."""

    async def read() -> Station | None:
        async with units.reading() as session:
            return await station_rows.find(session, STATION)

    return read


@pytest.fixture
def with_station(units: Units) -> Callable[..., Awaitable[None]]:
    """Creates the station."""

    async def create(registration: Registration = Registration.ACCEPTED, **columns: Any) -> None:
        async with units.open() as unit:
            row = station_rows.new_station(STATION, registration, 1, unit.now)
            assert await station_rows.create(unit.session, {**row, **columns})

    return create
