"""A station whose every message is said by a test: OCPP-J over a raw WebSocket, both directions checked by schema."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from csms_testing.conformance.schemas import check

DEADLINE_S = 10.0
"""How long anything in a test may take."""

CALL, CALLRESULT, CALLERROR, SEND = 2, 3, 4, 6
MAX_MESSAGE_ID = 36

Payload = dict[str, Any]


class CallRefusedError(Exception):
    """The CSMS answered a CALL with a CALLERROR."""

    def __init__(self, action: str, code: str, description: str) -> None:
        super().__init__(f"{action}: CALLERROR {code} {description!r}")
        self.code = code
        self.description = description


@dataclass(slots=True)
class Incoming:
    """A CALL of the CSMS."""

    message_id: str
    action: str
    payload: Payload


@dataclass(slots=True)
class Station:
    """An open connection. Made by `connected`; one task uses it at a time, `call` may be used by several."""

    station_id: str
    socket: ClientConnection
    protocol: str
    received: list[Incoming] = field(default_factory=list)
    """Every CALL of the CSMS so far, expected or not."""
    _sent: int = 0
    _waiting: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)
    _calls: asyncio.Queue[Incoming | None] = field(default_factory=asyncio.Queue)
    _open: Incoming | None = None
    _problems: list[str] = field(default_factory=list)

    # ---- station to CSMS
    async def call(self, action: str, payload: Payload | None = None, *, check_request: bool = True) -> Payload:
        """Send a CALL, return the payload of the CALLRESULT.

        Args:
            action: The message.
            payload: Its request payload.
            check_request: False sends what does not fit the schema.

        Raises CallRefusedError, SchemaError (either payload), TimeoutError, ConnectionClosed.
        """
        payload = payload or {}
        if check_request:
            check(self.protocol, action, "Request", payload)
        message_id = await self._send_call(action, payload)
        async with asyncio.timeout(DEADLINE_S):
            frame = await self._waiting[message_id]
        if frame[0] == CALLERROR:
            raise CallRefusedError(action, frame[2], frame[3])
        check(self.protocol, action, "Response", frame[2])
        answer: Payload = frame[2]
        return answer

    async def refused(self, action: str, payload: Payload | None = None) -> str:
        """Send a CALL that must be answered by a CALLERROR; return its code. Raises AssertionError, as `call`."""
        try:
            answer = await self.call(action, payload)
        except CallRefusedError as error:
            return error.code
        raise AssertionError(f"{action} was answered {answer}")

    async def send(self, action: str, payload: Payload) -> None:
        """Send a SEND (OCPP 2.1), which nobody answers. Raises SchemaError."""
        check(self.protocol, action, "", payload)
        self._sent += 1
        frame = [SEND, f"{self.station_id[-20:]}-{self._sent}", action, payload]
        await self.socket.send(orjson.dumps(frame).decode())

    async def _send_call(self, action: str, payload: Payload) -> str:
        self._sent += 1
        message_id = f"{self.station_id[-20:]}-{self._sent}"
        self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(orjson.dumps([CALL, message_id, action, payload]).decode())
        return message_id

    # ---- CSMS to station
    async def expect(self, action: str) -> Payload:
        """Wait for the next CALL of the CSMS, which must be this action; return its payload, checked by schema.

        Answer it with `answer` or `answer_error`. Raises AssertionError, SchemaError.
        """
        try:
            async with asyncio.timeout(DEADLINE_S):
                incoming = await self._calls.get()
        except TimeoutError:
            raise AssertionError(f"no {action} came within {DEADLINE_S} s") from None
        if incoming is None:
            raise AssertionError(f"the connection closed before {action} came")
        if incoming.action != action:
            raise AssertionError(f"expected {action}, the CSMS sent {incoming.action} {incoming.payload}")
        check(self.protocol, action, "Request", incoming.payload)
        return incoming.payload

    async def answer(self, payload: Payload | None = None, *, check_response: bool = True) -> None:
        """Answer the open CALL of the CSMS. `check_response=False` sends what does not fit the schema."""
        incoming = self._take_open()
        if check_response:
            check(self.protocol, incoming.action, "Response", payload or {})
        await self.socket.send(orjson.dumps([CALLRESULT, incoming.message_id, payload or {}]).decode())

    async def answer_error(self, code: str, description: str = "") -> None:
        """Answer the open CALL of the CSMS with a CALLERROR."""
        incoming = self._take_open()
        await self.socket.send(orjson.dumps([CALLERROR, incoming.message_id, code, description, {}]).decode())

    async def reply(self, action: str, payload: Payload | None = None) -> Payload:
        """`expect` and `answer` at once; returns the request's payload."""
        request = await self.expect(action)
        await self.answer(payload)
        return request

    def stay_silent(self) -> None:
        """Leave the open CALL of the CSMS unanswered for good."""
        self._take_open()

    def _take_open(self) -> Incoming:
        incoming, self._open = self._open, None
        if incoming is None:
            raise AssertionError("the CSMS waits for no answer")
        return incoming

    async def expect_nothing(self) -> None:
        """Assert that the CSMS has sent nothing more by when it answers one message more of this station.

        The message goes through the device-mgmt service, and so behind what was sent before. It is a DataTransfer
        of an unknown vendor, which a station that is not accepted gets a SecurityError for.
        """
        with contextlib.suppress(CallRefusedError):
            await self.call("DataTransfer", {"vendorId": "org.example.conformance"})
        self.assert_quiet()

    def assert_quiet(self) -> None:
        """Assert that no CALL came that was not expected, and that the CSMS broke no rule of OCPP-J so far."""
        unexpected = [self._calls.get_nowait() for _ in range(self._calls.qsize())]
        if None in unexpected:
            self._calls.put_nowait(None)
        sent = [f"{incoming.action} {incoming.payload}" for incoming in unexpected if incoming]
        if sent:
            raise AssertionError(f"the CSMS sent what nobody expected: {sent}")
        if self._problems:
            raise AssertionError(f"the CSMS broke OCPP-J: {self._problems}")

    # ---- connection
    async def closed(self) -> int:
        """Wait until the CSMS closes the connection; return the close code. Raises TimeoutError."""
        async with asyncio.timeout(DEADLINE_S):
            await self.socket.wait_closed()
        return self.socket.close_code or 0

    async def read(self) -> None:
        """Take in frames until the connection closes."""
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                self._take(text)
        self._calls.put_nowait(None)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the connection closed before the answer"))
                waiting.exception()  # nobody may be waiting

    def _take(self, text: str | bytes) -> None:
        frame = orjson.loads(text)
        match frame:
            case [2, str(message_id), str(action), dict(payload)] if len(message_id) <= MAX_MESSAGE_ID:
                self._take_call(Incoming(message_id, action, payload))
            case [3, str(message_id), dict()] | [4, str(message_id), str(), str(), dict()]:
                waiting = self._waiting.get(message_id)
                if waiting is None or waiting.done():
                    self._problems.append(f"answers nothing: {frame}")
                else:
                    waiting.set_result(frame)
            case _:
                self._problems.append(f"no OCPP-J frame: {frame}")

    def _take_call(self, incoming: Incoming) -> None:
        if self._open is not None:
            self._problems.append(f"{incoming.action} while {self._open.action} was not answered")
        if any(incoming.message_id == earlier.message_id for earlier in self.received):
            self._problems.append(f"message id {incoming.message_id} used twice")
        self._open = incoming
        self.received.append(incoming)
        self._calls.put_nowait(incoming)


def now() -> str:
    """The time as OCPP writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
