"""One connection's OCPP-J conversation, seen from the station: one open CALL of ours, theirs at any time."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TypeAlias
from uuid import uuid4

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from csms_testing.simulator.errors import BadFrame, CallRefused, CallTimeout, NotConnected, SchemaViolation
from csms_testing.simulator.frames import Call, CallError, CallResult, Frame, Json, encode, parse
from csms_testing.simulator.schemas import Schemas
from csms_testing.simulator.stats import Direction, FrameObserver, Stats

# Unique per process; the counter keeps ids short and cheap (message ids have at most 36 characters).
_PREFIX = uuid4().hex[:12]
_COUNTER = itertools.count(1)


def new_message_id() -> str:
    """A message id that no other station or connection of this process uses."""
    return f"{_PREFIX}-{next(_COUNTER)}"


@dataclass(frozen=True, slots=True)
class Reply:
    """How a station answers a CALL: the payload or error, and what it does once the answer is on its way."""

    payload: Json | CallRefused
    then: Callable[[], Coroutine[None, None, None]] | None = None


OnCall: TypeAlias = Callable[[Call], Reply]
Spawn: TypeAlias = Callable[[Coroutine[None, None, None], str], object]
OnViolation: TypeAlias = Callable[[str], None]


class Rpc:
    """Calls and answers on one open connection."""

    def __init__(
        self,
        station_id: str,
        connection: ClientConnection,
        *,
        schemas: Schemas,
        on_call: OnCall,
        on_violation: OnViolation,
        spawn: Spawn,
        stats: Stats,
        observer: FrameObserver | None,
    ) -> None:
        self._station_id = station_id
        self._schemas = schemas
        self._connection = connection
        self._on_call = on_call
        self._on_violation = on_violation
        self._spawn = spawn
        self._stats = stats
        self._observer = observer
        self._turn = asyncio.Lock()
        self._open: tuple[str, asyncio.Future[CallResult | CallError | None]] | None = None
        self._closed = False
        self.last_activity = time.monotonic()

    async def call(self, action: str, payload: Json, timeout_s: float, message_id: str | None = None) -> Json:
        """Send a CALL once the one before is answered, and wait for its answer.

        Raises CallRefused, CallTimeout, NotConnected, and SchemaViolation for a request or an answer that does not fit.
        """
        self._schemas.check(action, "Request", payload)
        async with self._turn:
            answer = await self._exchange(Call(message_id or new_message_id(), action, payload), timeout_s)
        if isinstance(answer, CallError):
            self._stats.errors += 1
            raise CallRefused(answer.code, answer.description, answer.details)
        self._check_answer(action, answer.payload)
        return answer.payload

    async def _exchange(self, call: Call, timeout_s: float) -> CallResult | CallError:
        if self._closed:
            raise NotConnected("the connection is closed")
        answer: asyncio.Future[CallResult | CallError | None] = asyncio.get_running_loop().create_future()
        self._open = (call.message_id, answer)
        started = time.monotonic()
        try:
            await self._send(call)
            self._stats.actions[call.action] = self._stats.actions.get(call.action, 0) + 1
            async with asyncio.timeout(timeout_s):
                result = await answer
        except TimeoutError:
            self._stats.timeouts += 1
            raise CallTimeout(f"no answer to {call.action} within {timeout_s} s") from None
        finally:
            self._open = None
        if result is None:
            raise NotConnected("the connection was lost before the answer came")
        self._stats.answered(time.monotonic() - started)
        return result

    def _check_answer(self, action: str, payload: Json) -> None:
        try:
            self._schemas.check(action, "Response", payload)
        except SchemaViolation as error:
            self._on_violation(f"answer to {action}: {error}")
            raise

    async def read(self) -> None:
        """Handle what the CSMS sends until the connection ends. Open calls then raise NotConnected."""
        try:
            async for text in self._connection:
                self.last_activity = time.monotonic()
                await self._handle(text)
        except (ConnectionClosed, NotConnected):
            pass  # however it ended: the station reconnects and needs no reason
        finally:
            self._fail_open_call()

    def _fail_open_call(self) -> None:
        self._closed = True
        if self._open and not self._open[1].done():
            self._open[1].set_result(None)

    async def _handle(self, text: str | bytes) -> None:
        try:
            frame = parse(text)
        except BadFrame as error:
            self._on_violation(f"frame: {error}")
            await self._send(CallError(error.message_id, self._schemas.spelled("RpcFrameworkError"), str(error), {}))
            return
        self._stats.received += 1
        self._observe("received", frame)
        if isinstance(frame, Call):
            await self._answer(frame)
        else:
            self._resolve(frame)

    def _resolve(self, frame: CallResult | CallError) -> None:
        if self._open is None or self._open[0] != frame.message_id:
            return  # late or unknown: OCPP-J 4.1.4 says to ignore it
        if not self._open[1].done():
            self._open[1].set_result(frame)

    async def _answer(self, call: Call) -> None:
        reply = self._reply(call)
        if isinstance(reply.payload, CallRefused):
            error, code = reply.payload, self._schemas.spelled(reply.payload.code)
            await self._send(CallError(call.message_id, code, error.description, error.details))
            return
        self._schemas.check(call.action, "Response", reply.payload)
        try:
            await self._send(CallResult(call.message_id, reply.payload))
        finally:  # what a station has agreed to it does, even when the CSMS never hears of it
            if reply.then is not None:
                self._spawn(reply.then(), f"{self._station_id} after {call.action}")

    def _reply(self, call: Call) -> Reply:
        if call.action not in self._schemas.known_actions:
            return Reply(CallRefused("NotImplemented", f"unknown action {call.action}", {}))
        try:
            self._schemas.check(call.action, "Request", call.payload)
        except SchemaViolation as error:
            self._on_violation(f"request {error}")
            return Reply(CallRefused(error.code, str(error), {}))
        return self._on_call(call)

    async def _send(self, frame: Frame) -> None:
        try:
            await self._connection.send(encode(frame))
        except ConnectionClosed as error:
            raise NotConnected("the connection is closed") from error
        self._stats.sent += 1
        self.last_activity = time.monotonic()
        self._observe("sent", frame)

    def _observe(self, direction: Direction, frame: Frame) -> None:
        if self._observer is not None:
            self._observer(self._station_id, direction, frame)

    async def close(self, code: int = 1000) -> None:
        """Close the connection properly."""
        await self._connection.close(code)

    def abort(self) -> None:
        """Drop the TCP connection without a word, as a broken network does."""
        self._connection.transport.abort()
