"""A CSMS that says what a test tells it to, without any of the product's code."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from csms_testing.simulator import Clock, Station, StationConfig

Json = dict[str, Any]
NOW = "2026-01-01T00:00:00.000Z"
DEADLINE_S = 10
SILENCE = None


@dataclass
class Refusal:
    """A CALLERROR."""

    code: str


@dataclass
class Received:
    station_id: str
    action: str
    payload: Json
    message_id: str
    connection: int


def _status(status: str) -> Callable[[Json], Json]:
    return lambda _: {"status": status}


def _transaction_event(payload: Json) -> Json:
    return {"idTokenInfo": {"status": "Accepted"}} if "idToken" in payload else {}


DEFAULT_ANSWERS: dict[str, Callable[[Json], Any]] = {
    "BootNotification": lambda _: {"currentTime": NOW, "interval": 300, "status": "Accepted"},
    "Heartbeat": lambda _: {"currentTime": NOW},
    "Authorize": lambda _: {"idTokenInfo": {"status": "Accepted"}},
    "TransactionEvent": _transaction_event,
    "SignCertificate": _status("Accepted"),
    "DataTransfer": _status("Accepted"),
}


@dataclass
class ScriptedCsms:
    """Answers CALLs by `answers` (action → payload → answer, Refusal, or SILENCE) and keeps what came."""

    answers: dict[str, Callable[[Json], Any]] = field(default_factory=lambda: dict(DEFAULT_ANSWERS))
    received: list[Received] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    refuse_with: int | None = None
    replies: list[list[Any]] = field(default_factory=list)
    """Answers to this CSMS's own CALLs and whatever else is no CALL."""
    connections: list[ServerConnection] = field(default_factory=list)
    server: Server | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        assert self.server is not None
        port = next(iter(self.server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/ocpp"

    def process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return None if self.refuse_with is None else connection.respond(self.refuse_with, "no\n")

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        station_id = connection.request.path.rpartition("/")[2]
        number = len(self.connections)
        self.connections.append(connection)
        try:
            async for text in connection:
                await self._handle(station_id, number, connection, json.loads(text))
        except ConnectionClosed:
            pass

    async def _handle(self, station_id: str, number: int, connection: ServerConnection, frame: list[Any]) -> None:
        if frame[0] != 2:
            self.replies.append(frame)
        else:
            _, message_id, action, payload = frame
            self.received.append(Received(station_id, action, payload, message_id, number))
        async with self._changed:
            self._changed.notify_all()
        if frame[0] == 2:
            await self._answer(connection, frame)

    async def _answer(self, connection: ServerConnection, frame: list[Any]) -> None:
        answer = self.answers.get(frame[2], lambda _: {})(frame[3])
        if isinstance(answer, Refusal):
            await connection.send(json.dumps([4, frame[1], answer.code, "", {}]))
        elif answer is not SILENCE:
            await connection.send(json.dumps([3, frame[1], answer]))

    async def send(self, text: str) -> None:
        await self.connections[-1].send(text)

    async def call_frame(self, action: str, payload: Json) -> list[Any]:
        """Send a CALL on the newest connection; the whole answering frame."""
        message_id = f"csms-{next(self._ids)}"
        await self.send(json.dumps([2, message_id, action, payload]))
        await self.until(lambda: any(reply[1] == message_id for reply in self.replies))
        return next(reply for reply in self.replies if reply[1] == message_id)

    async def call(self, action: str, payload: Json) -> Json:
        """Send a CALL; the payload of the CALLRESULT."""
        frame = await self.call_frame(action, payload)
        assert frame[0] == 3, frame
        return frame[2]

    async def until(self, predicate: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: bool(predicate()))

    def of(self, action: str) -> list[Json]:
        """The payloads received for an action."""
        return [entry.payload for entry in self.received if entry.action == action]

    async def wait(self, action: str, count: int = 1) -> list[Json]:
        """Wait for this many CALLs of an action."""
        await self.until(lambda: len(self.of(action)) >= count)
        return self.of(action)

    def events(self) -> list[tuple[str, str, int]]:
        """(eventType, triggerReason, seqNo) of all TransactionEvents."""
        return [(event["eventType"], event["triggerReason"], event["seqNo"]) for event in self.of("TransactionEvent")]

    def drop(self) -> None:
        """Cut the newest connection."""
        self.connections[-1].transport.abort()


@asynccontextmanager
async def running() -> AsyncIterator[ScriptedCsms]:
    csms = ScriptedCsms()
    server = serve(
        csms.serve, "127.0.0.1", 0, subprotocols=["ocpp2.0.1"], process_request=csms.process_request, close_timeout=1
    )
    async with server as csms.server:
        yield csms


@pytest.fixture
async def csms() -> AsyncIterator[ScriptedCsms]:
    async with running() as found:
        yield found


@pytest.fixture
def make_station(csms: ScriptedCsms) -> Callable[..., Station]:
    """Stations in a hurry: protocol waits a thousand times shorter, physical ones none."""

    def make(station_id: str = "CS1", *, speed: float = float("inf"), **options: Any) -> Station:
        password = options.pop("password", None)
        config = StationConfig(**{"time_scale": 0.001, **options})
        return Station(csms.url, station_id, password=password, config=config, clock=Clock(speed))

    return make


@pytest.fixture
async def station(make_station: Callable[..., Station]) -> AsyncIterator[Station]:
    """An accepted station."""
    async with make_station() as found:
        await found.wait_accepted(DEADLINE_S)
        yield found
