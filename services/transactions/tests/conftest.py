"""A world around the service: a gateway with stations, an auth that answers, a database."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest
from csms.v1.auth_pb2 import AuthorizationDecision, IdTokenInfo
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent
from csms.v1.station_pb2 import (
    CallError,
    CallOrder,
    CallOrderVerdict,
    CommandResult,
    Outcome,
    Reply,
    ReplyTo,
    StationCall,
    StationCommand,
)
from csms_bus import topics
from csms_bus.inbox import Inbox
from csms_bus.memory import MemoryBus
from csms_bus.ports import BusUnavailable, Incoming, Outgoing, Start
from csms_bus.records import new_record
from csms_bus.requests import Requester
from csms_bus.runner import ConsumerRunner
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.clock import now_ms
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from csms_runtime.secret_keys import SecretKeys
from csms_testing.databases import database_fixture
from csms_transactions.app import SCHEMA, Transactions
from csms_transactions.settings import TransactionSettings

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def transaction_event(
    seq_no: int, kind: str = "Updated", transaction_id: str = "tx-1", **fields: Any
) -> dict[str, Any]:
    info = fields.pop("info", {})
    payload = {
        "eventType": kind,
        "timestamp": (T0 + timedelta(seconds=seq_no)).isoformat().replace("+00:00", "Z"),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": transaction_id, **info},
    }
    if (energy := fields.pop("energy", None)) is not None:
        payload["meterValue"] = [{"timestamp": payload["timestamp"], "sampledValue": [{"value": energy}]}]
    if (token := fields.pop("token", None)) is not None:
        payload["idToken"] = {"idToken": token, "type": "ISO14443"}
    return {**payload, **fields}


async def eventually(check: Callable[[], Any]) -> None:
    """Wait until `check`, a function or coroutine function, gives something true. The work is done by other tasks."""
    async with asyncio.timeout(5):
        while True:
            found = check()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


class Auth:
    """Answers AuthorizationRequests: Accepted unless told otherwise."""

    def __init__(self, bus: MemoryBus) -> None:
        self.tokens: dict[str, IdTokenInfo] = {}
        self.silent = False
        self.requests: list[Any] = []
        self._runner = ConsumerRunner(bus, group="auth", topics=[topics.AUTH_QUESTIONS.name], handler=self._handle)

    async def run(self, stop: asyncio.Event) -> None:
        await self._runner.run(stop)

    async def _handle(self, batch: Sequence[Incoming]) -> list[Outgoing]:
        requests = [incoming.record.authorization_request for incoming in batch if incoming.record]
        self.requests += requests
        return [] if self.silent else [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Outgoing:
        answers = [
            self.tokens.get(question.id_token.id_token, IdTokenInfo(status="Accepted"))
            for question in request.questions
        ]
        decision = AuthorizationDecision(correlation_id=request.correlation_id, answers=answers)
        to = request.reply_to
        return Outgoing(to.topic, new_record("", authorization_decision=decision), partition=to.partition)


class Gateway:
    """Slot 0: sends what stations say, collects what they are told."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._requester = Requester(bus, ReplyTo(topic=topics.GATEWAY_INBOX.name, partition=0))
        self.inbox = Inbox(bus, topics.GATEWAY_INBOX.name, 0, self._take)
        self.commands: asyncio.Queue[Record] = asyncio.Queue()
        self.replies: dict[str, Reply] = {}
        self.takes_several = True
        """Whether it takes several answers in one record."""
        self.answer_records = 0

    def _take(self, record: Record) -> None:
        if record.HasField("station_command"):
            self.commands.put_nowait(record)
            return
        self.answer_records += 1
        for reply in record.replies.replies or [record.reply]:
            self.replies[reply.correlation_id] = reply
            self._requester.deliver(new_record(record.station_id, reply=reply))

    def station_call(
        self, station_id: str, action: str, payload: dict[str, Any], **fields: Any
    ) -> tuple[Outgoing, str]:
        correlation_id = self._requester.new_correlation_id()
        call = StationCall(
            reply_to=self._requester.reply_to,
            correlation_id=correlation_id,
            protocol="ocpp2.0.1",
            action=action,
            message_id=correlation_id[:36],
            payload=orjson.dumps(payload),
            received_at_ms=now_ms(),
            deadline_ms=now_ms() + 10_000,
        )
        call.reply_to.takes_several = self.takes_several
        call.MergeFrom(StationCall(**fields))
        return Outgoing(topics.CALLS_TRANSACTIONS.name, new_record(station_id, station_call=call)), correlation_id

    async def call(self, station_id: str, action: str, payload: dict[str, Any], **fields: Any) -> Reply:
        outgoing, correlation_id = self.station_call(station_id, action, payload, **fields)
        return (await self._requester.ask(outgoing, correlation_id, 5)).reply

    async def tell(self, payload: dict[str, Any], station_id: str = "CS1") -> dict[str, Any]:
        """Send a TransactionEvent and return the response; an error fails the test."""
        reply = await self.call(station_id, "TransactionEvent", payload)
        assert reply.WhichOneof("outcome") == "payload", reply
        return orjson.loads(reply.payload)  # type: ignore[no-any-return]

    async def answer(
        self, outcome: Outcome.ValueType, payload: dict[str, Any] | None = None, *, sent: bool = True
    ) -> StationCommand:
        """Take the next command and tell what became of it."""
        record = await asyncio.wait_for(self.commands.get(), 5)
        result = CommandResult(
            command=record.station_command,
            outcome=outcome,
            payload=orjson.dumps(payload) if payload is not None else b"",
            error=CallError(code="NotSupported", description="no", details=b"{}"),
            sent_at_ms=now_ms() if sent else 0,
            completed_at_ms=now_ms(),
        )
        await self._bus.publish([Outgoing(topics.RESULTS.name, new_record(record.station_id, command_result=result))])
        return record.station_command


class Devices:
    """device-mgmt: records ordered calls, sends them, and hands results on to who waits."""

    def __init__(self, bus: MemoryBus) -> None:
        self.silent = False
        self.verdict = CallOrderVerdict.VERDICT_RECORDED
        self.earlier: CommandResult | None = None
        self.connected: dict[str, str] = {}
        """The protocol of each connected station."""
        self.booting: set[str] = set()
        """Those of them that have yet to boot for the first time."""
        self.ordered: list[CallOrder] = []
        handled = [topics.DEVICES_ORDERS.name, topics.RESULTS.name]
        self._runner = ConsumerRunner(bus, group="device-mgmt", topics=handled, handler=self._handle)

    async def run(self, stop: asyncio.Event) -> None:
        await self._runner.run(stop)

    async def _handle(self, batch: Sequence[Incoming]) -> list[Outgoing]:
        records = [incoming.record for incoming in batch if incoming.record]
        return [outgoing for record in records for outgoing in self._answer(record)]

    def _answer(self, record: Record) -> list[Outgoing]:
        if record.HasField("command_result"):
            to = record.command_result.command.reply_to
            return [Outgoing(to.topic, record, partition=to.partition)] if to.topic else []
        order = record.call_order
        self.ordered.append(order)
        if self.silent:
            return []
        protocol = self.connected.get(record.station_id, "ocpp2.0.1")
        order = _in_form(order, protocol)
        timeout_ms = order.timeout_ms or 2000
        answer = CallOrderVerdict(
            correlation_id=order.correlation_id,
            verdict=self.verdict,
            timeout_ms=timeout_ms,
            earlier=self.earlier,
            protocol=protocol,
        )
        if order.connecting_until_ms > now_ms() and record.station_id not in self.connected:
            answer.verdict = CallOrderVerdict.VERDICT_NOT_CONNECTED_YET
        if order.booting_until_ms > now_ms() and record.station_id in self.booting:
            answer.verdict = CallOrderVerdict.VERDICT_NOT_CONNECTED_YET
        if self.verdict != CallOrderVerdict.VERDICT_RECORDED:
            answer.verdict = self.verdict
        if protocol not in order.protocols:
            answer.verdict, answer.protocol = CallOrderVerdict.VERDICT_OTHER_PROTOCOL, protocol
        to = order.reply_to
        told = [Outgoing(to.topic, new_record(record.station_id, call_order_verdict=answer), partition=to.partition)]
        if answer.verdict == CallOrderVerdict.VERDICT_RECORDED:
            told.append(self._carry_out(record.station_id, order, timeout_ms))
        return told

    def _carry_out(self, station_id: str, order: CallOrder, timeout_ms: int) -> Outgoing:
        command = StationCommand(
            reply_to=order.reply_to,
            correlation_id=order.call_id,
            protocol=self.connected.get(station_id, "ocpp2.0.1"),
            action=order.action,
            payload=order.payload,
            timeout_ms=timeout_ms,
            origin=order.origin,
        )
        if station_id in self.connected:
            record = new_record(station_id, station_command=command)
            return Outgoing(topics.GATEWAY_INBOX.name, record, partition=0)
        result = CommandResult(command=command, outcome=Outcome.OUTCOME_NOT_CONNECTED, completed_at_ms=now_ms())
        return Outgoing(topics.RESULTS.name, new_record(station_id, command_result=result))


def _in_form(order: CallOrder, protocol: str) -> CallOrder:
    for form in order.forms:
        if protocol in form.protocols:
            changed = CallOrder(action=form.action, payload=form.payload)
            order = CallOrder.FromString(order.SerializeToString())
            order.ClearField("protocols")
            order.MergeFrom(changed)
            order.protocols.extend(form.protocols)
    return order


class World:
    """Everything, running."""

    event = staticmethod(transaction_event)
    eventually = staticmethod(eventually)

    def __init__(self, database: Database) -> None:
        self.database = database
        self.bus = MemoryBus()
        self.auth = Auth(self.bus)
        self.gateway = Gateway(self.bus)
        self.health = Health()
        self.devices = Devices(self.bus)
        settings = TransactionSettings(token_decision_timeout_s=0.5, service_timeout_s=1.0, call_grace_s=0.2)
        self.service = Transactions(
            self.bus, database, settings, self.health, keys=SecretKeys(b"a-secret-of-the-tests")
        )
        self.control = self.service.control
        self.events: list[DomainEvent] = []
        """What was told of transactions."""
        self.decisions: list[DomainEvent] = []
        """What was told of tokens."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop, last = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.auth.run(last))
            tasks.create_task(self.devices.run(last))
            tasks.create_task(self.gateway.inbox.run(last))
            reading = tasks.create_task(self._read_events())
            service = tasks.create_task(self.service.run(stop))
            await self.gateway.inbox.ready()
            await self.service.ready()
            try:
                yield
            finally:
                stop.set()
                await service
                last.set()
                reading.cancel()

    async def _read_events(self) -> None:
        async with self.bus.read(topics.EVENTS_TRANSACTIONS.name, partition=None, start=Start.END) as reader:
            async for batch in reader.batches():
                for event in (incoming.record.event for incoming in batch if incoming.record):
                    (self.decisions if event.HasField("authorization_decided") else self.events).append(event)

    async def connect(self, station_id: str = "CS1", protocol: str = "ocpp2.0.1") -> None:
        """Connect a station."""
        self.devices.connected[station_id] = protocol

    async def told(self, count: int) -> list[str]:
        """The kinds of the first `count` domain events."""
        await eventually(lambda: len(self.events) >= count)
        return [event.WhichOneof("event") for event in self.events]


database = database_fixture("csms_transactions", schema=SCHEMA)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        made = World(database)
        await stack.enter_async_context(made.running())
        yield made


@pytest.fixture
async def api(world) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(
        "test",
        routers=world.service.routers,
        keys=ApiKeys.for_tests(operate="operator", read="reader"),
        health=world.health,
        version="1",
        unavailable=[DatabaseUnavailable, BusUnavailable],
    )
    headers = {"Authorization": "Bearer operator"}
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers) as client:
        yield client


@pytest.fixture(name="transaction_event")
def transaction_event_fixture() -> Callable[..., dict[str, Any]]:
    return transaction_event


@pytest.fixture
def incoming() -> Callable[[Outgoing], Incoming]:
    """What a consumer is given of a record that was published."""

    def read(outgoing: Outgoing) -> Incoming:
        record = outgoing.record
        return Incoming(outgoing.topic, 0, 0, record.station_id, record, record.SerializeToString())

    return read


@pytest.fixture
def make_world() -> Callable[[Database], World]:
    """For tests that run it themselves."""
    return World
