"""A CSMS that says what a test tells it to, without any of the product's code."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from csms_testing.simulator import Station, protocol
from csms_testing.simulator.frames import CALL, CALL_RESULT, Json

NOW = "2026-01-01T00:00:00.000Z"
DEADLINE_S = 10
SILENCE = None


class MakeStation(Protocol):
    """Makes a station that talks to the scripted CSMS; options are those of StationConfig, and password."""

    def __call__(self, station_id: str = "CS1", *, speed: float = ..., **options: Any) -> Station:  # noqa: ANN401
        """Make a station, not yet started."""


@dataclass
class Refusal:
    """A CALLERROR."""

    code: str
    description: str = ""


@dataclass
class Received:
    """One CALL of a station."""

    station_id: str
    action: str
    payload: Json
    message_id: str
    connection: int
    """How many connections there were before the one it came on."""


def _status(status: str) -> Callable[[Json], Json]:
    return lambda _: {"status": status}


def _transaction_event(payload: Json) -> Json:
    return {"idTokenInfo": {"status": "Accepted"}} if "idToken" in payload else {}


def _authorize(payload: Json) -> Json:
    return {"idTagInfo" if "idTag" in payload else "idTokenInfo": {"status": "Accepted"}}


def default_answers() -> dict[str, Callable[[Json], Any]]:
    """Answers that let stations of any version charge; each StartTransaction gets another id, from 1 on."""
    ids, id_tag_info = itertools.count(1), {"status": "Accepted"}
    return {
        "BootNotification": lambda _: {"currentTime": NOW, "interval": 300, "status": "Accepted"},
        "Heartbeat": lambda _: {"currentTime": NOW},
        "Authorize": _authorize,
        "TransactionEvent": _transaction_event,
        "StartTransaction": lambda _: {"transactionId": next(ids), "idTagInfo": id_tag_info},
        "StopTransaction": lambda _: {"idTagInfo": id_tag_info},
        "SignCertificate": _status("Accepted"),
        "DataTransfer": _status("Accepted"),
    }


@dataclass
class ScriptedCsms:
    """Answers CALLs by `answers` (action → payload → answer, Refusal, or SILENCE) and keeps what came."""

    answers: dict[str, Callable[[Json], Any]] = field(default_factory=default_answers)
    received: list[Received] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    refuse_with: int | None = None
    """The HTTP status that refuses every handshake."""
    handshakes_allowed: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, handshakes wait."""
    replies: list[list[Any]] = field(default_factory=list)
    """Answers to this CSMS's own CALLs and whatever else is no CALL."""
    connections: list[ServerConnection] = field(default_factory=list)
    server: Server | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        """Where it listens, without an identity."""
        if self.server is None:
            raise RuntimeError("not running")
        port = next(iter(self.server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/ocpp"

    async def process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Let a station in or not."""
        self.requests.append(request)
        async with self._changed:
            self._changed.notify_all()
        await self.handshakes_allowed.wait()
        return None if self.refuse_with is None else connection.respond(self.refuse_with, "no\n")

    async def handle(self, connection: ServerConnection) -> None:
        """Serve one connection until it ends."""
        if connection.request is None:
            raise RuntimeError("served before the handshake")
        station_id = connection.request.path.rpartition("/")[2]
        number = len(self.connections)
        self.connections.append(connection)
        with suppress(ConnectionClosed):  # tests cut connections
            async for text in connection:
                await self._handle(station_id, number, connection, json.loads(text))

    async def _handle(self, station_id: str, number: int, connection: ServerConnection, frame: list[Any]) -> None:
        if frame[0] != CALL:
            self.replies.append(frame)
        else:
            _, message_id, action, payload = frame
            self.received.append(Received(station_id, action, payload, message_id, number))
        async with self._changed:
            self._changed.notify_all()
        if frame[0] == CALL:
            await self._answer(connection, frame)

    async def _answer(self, connection: ServerConnection, frame: list[Any]) -> None:
        scripted = self.answers.get(frame[2])
        answer = scripted(frame[3]) if scripted else {}
        if isinstance(answer, Refusal):
            await connection.send(json.dumps([4, frame[1], answer.code, answer.description, {}]))
        elif answer is not SILENCE:
            await connection.send(json.dumps([3, frame[1], answer]))

    async def send(self, text: str) -> None:
        """Send any text on the newest connection."""
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
        if frame[0] != CALL_RESULT:
            raise AssertionError(f"not a CALLRESULT: {frame}")
        answer: Json = frame[2]
        return answer

    async def until(self, predicate: Callable[[], object]) -> None:
        """Wait until something received makes the predicate true. Raises TimeoutError."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: bool(predicate()))

    async def requests_seen(self, count: int) -> None:
        """Wait until this many handshakes were asked for."""
        await self.until(lambda: len(self.requests) >= count)

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
async def scripted_csms() -> AsyncIterator[ScriptedCsms]:
    """A scripted CSMS that listens on a free port of the loopback interface."""
    csms = ScriptedCsms()
    csms.handshakes_allowed.set()
    server = serve(
        csms.handle,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol(name) for name in protocol.Protocol],
        process_request=csms.process_request,
        close_timeout=1,
    )
    async with server as csms.server:
        yield csms
