"""Scripted counterparts for tests of one service: the services behind the bus, and a station on a raw WebSocket."""

import asyncio
import base64
import itertools
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import orjson
from csms.v1.auth_pb2 import REGISTRATION_STATUS_ACCEPTED, ConnectionDecision, ConnectionRequest
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import CommandResult, ConnectionRecord, StationCall, StationCommand
from csms_bus import topics
from csms_bus.ports import Bus, Outgoing, Start
from csms_bus.records import error_to, new_record, reply_to
from csms_runtime.clock import now_ms
from csms_runtime.ids import new_id
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

DEADLINE_S = 10.0
"""How long anything in a test may take."""

Answer = Mapping[str, object] | str | None
"""A response payload, the code of a CALLERROR, or None for silence."""

_READ = (
    topics.CALLS_AUTH,
    topics.CALLS_TRANSACTIONS,
    topics.CALLS_DEVICES,
    topics.RESULTS,
    topics.CONNECTIONS,
    topics.GATEWAY_STATUS,
    topics.PRESENCE,
)


def allow(_request: ConnectionRequest) -> ConnectionDecision | None:
    """Let every station in, as accepted."""
    return ConnectionDecision(allowed=True, registration_status=REGISTRATION_STATUS_ACCEPTED)


class ScriptedServices:
    """Plays auth, transactions and device-mgmt on a bus, and keeps all that a gateway publishes. A context manager."""

    def __init__(self, bus: Bus) -> None:
        self.decide: Callable[[ConnectionRequest], ConnectionDecision | None] = allow
        """Answers connection requests; None: silence."""
        self.answers: dict[str, Answer] = {}
        """What each action is answered; an action that is not in it gets silence."""
        self.records: list[tuple[str, Record]] = []
        """Topic and record of everything read so far."""
        self._bus = bus
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to read; returns when nothing published later can be missed."""
        ready = [asyncio.Event() for _ in _READ]
        self._tasks = [
            asyncio.create_task(self._read(topic.name, event)) for topic, event in zip(_READ, ready, strict=True)
        ]
        for event in ready:
            await event.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, topic: str, ready: asyncio.Event) -> None:
        async with self._bus.read(topic, partition=None, start=Start.END) as reader:
            ready.set()
            async for batch in reader.batches():
                for incoming in batch:
                    if incoming.record is not None:
                        await self._take(topic, incoming.record)

    async def _take(self, topic: str, record: Record) -> None:
        async with self._changed:
            self.records.append((topic, record))
            self._changed.notify_all()
        if record.HasField("connection_request"):
            await self._decide(record)
        elif record.HasField("station_call") and not record.station_call.no_reply:
            await self._answer(record)

    async def _decide(self, record: Record) -> None:
        request = record.connection_request
        decision = self.decide(request)
        if decision is None:
            return
        decision.correlation_id = request.correlation_id
        if decision.allowed and not decision.connection_number:
            decision.connection_number = next(self._numbers)
        answer = new_record(record.station_id, connection_decision=decision)
        await self._bus.publish([Outgoing(request.reply_to.topic, answer, partition=request.reply_to.partition)])

    async def _answer(self, record: Record) -> None:
        answer = self.answers.get(record.station_call.action)
        if answer is not None:
            await self.answer(record, answer)

    async def answer(self, record: Record, answer: Answer) -> None:
        """Answer a StationCall's record now."""
        call = record.station_call
        if isinstance(answer, str):
            await self._bus.publish([error_to(call, record.station_id, answer, "scripted")])
        else:
            await self._bus.publish([reply_to(call, payload=orjson.dumps(answer), station_id=record.station_id)])

    async def until(self, condition: Callable[[], Any]) -> Any:  # noqa: ANN401 whatever the test asks for
        """Wait until the condition, asked again after each record, is true; returns its value. Raises TimeoutError."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(condition)
        return condition()

    def calls(self, action: str) -> list[Record]:
        """The records of all StationCalls of this action so far."""
        return [record for _, record in self.records if record.station_call.action == action]

    async def call(self, action: str, count: int = 1) -> StationCall:
        """Wait for the `count`th StationCall of this action."""
        await self.until(lambda: len(self.calls(action)) >= count)
        return self.calls(action)[count - 1].station_call

    def connections(self, station_id: str) -> list[ConnectionRecord]:
        """All ConnectionRecords of a station so far."""
        return [
            record.connection
            for _, record in self.records
            if record.HasField("connection") and record.station_id == station_id
        ]

    async def connection(self, station_id: str, count: int = 1) -> ConnectionRecord:
        """Wait for the `count`th ConnectionRecord of a station."""
        await self.until(lambda: len(self.connections(station_id)) >= count)
        return self.connections(station_id)[count - 1]

    def results(self) -> dict[str, CommandResult]:
        """Results of commands so far, by correlation id; raises AssertionError when one has two."""
        found: dict[str, CommandResult] = {}
        for _, record in self.records:
            if record.HasField("command_result"):
                if record.command_result.command.correlation_id in found:
                    raise AssertionError("a command has two results")
                found[record.command_result.command.correlation_id] = record.command_result
        return found

    async def result(self, correlation_id: str) -> CommandResult:
        """Wait for the result of a command."""
        await self.until(lambda: correlation_id in self.results())
        return self.results()[correlation_id]

    async def command(
        self,
        connection: ConnectionRecord,
        station_id: str,
        action: str,
        payload: object,
        *,
        timeout_s: float = 5,
        deadline_s: float = 30,
        correlation_id: str = "",
    ) -> str:
        """Send a StationCommand to the gateway of this connection; returns its correlation id."""
        command = StationCommand(
            correlation_id=correlation_id or new_id(),
            protocol=connection.protocol,
            action=action,
            payload=orjson.dumps(payload),
            timeout_ms=int(timeout_s * 1000),
            deadline_ms=now_ms() + int(deadline_s * 1000),
            origin="test",
            gateway_epoch=connection.gateway_epoch,
            connection_id=connection.connection_id,
            connection_number=connection.connection_number,
        )
        record = new_record(station_id, station_command=command)
        await self._bus.publish([Outgoing(topics.GATEWAY_INBOX.name, record, partition=connection.gateway_slot)])
        return command.correlation_id


class RawStation:
    """A station without any rules of its own: sends and receives whatever a test says."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._ids = itertools.count(1)

    async def send(self, frame: object) -> None:
        """Send a frame: text as it is, anything else as JSON."""
        await self.socket.send(frame if isinstance(frame, str) else orjson.dumps(frame).decode())

    async def receive(self) -> list[Any]:
        """Wait for the next frame. Raises TimeoutError, ConnectionClosed."""
        async with asyncio.timeout(DEADLINE_S):
            frame: list[Any] = orjson.loads(await self.socket.recv())
        return frame

    async def start_call(self, action: str, payload: object, message_id: str = "") -> str:
        """Send a CALL; returns its message id."""
        message_id = message_id or f"m{next(self._ids)}"
        await self.send([2, message_id, action, payload])
        return message_id

    async def call(self, action: str, payload: object, message_id: str = "") -> list[Any]:
        """Send a CALL and return the next frame, which must be its answer."""
        message_id = await self.start_call(action, payload, message_id)
        answer = await self.receive()
        if answer[1] != message_id:
            raise AssertionError(f"not the answer to {message_id}: {answer}")
        return answer

    async def closed(self) -> tuple[int, str]:
        """Wait until the connection is closed; returns code and reason."""
        async with asyncio.timeout(DEADLINE_S):
            await self.socket.wait_closed()
        return self.socket.close_code or 0, self.socket.close_reason or ""


def basic(station_id: str, password: str | bytes) -> dict[str, str]:
    """The Authorization header of a station."""
    secret = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(station_id.encode() + b":" + secret).decode()}


def station(
    url: str,
    *,
    protocols: tuple[str, ...] = ("ocpp2.0.1",),
    headers: Mapping[str, str] | None = None,
    compression: str | None = "deflate",
) -> connect:
    """Make a context manager that connects a raw station, which neither pings nor uses a proxy."""
    return connect(
        url,
        subprotocols=[Subprotocol(name) for name in protocols] or None,
        additional_headers=dict(headers or {}),
        compression=compression,
        ping_interval=None,
        proxy=None,
        open_timeout=DEADLINE_S,
        close_timeout=1,
    )
