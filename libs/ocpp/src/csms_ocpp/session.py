"""The OCPP-J session of one connection, on the CSMS's side: no I/O, no clock, no tasks.

Inputs are methods. Each returns effects, which the driver carries out in order. `now` is the driver's monotonic clock,
in seconds.
The driver (1) feeds frames while `can_receive`, (2) calls `tick` when `next_deadline` has come, (3) answers every
Dispatch with `reply` or, when its service is silent, `replied_late`, and every HeartbeatReceived with
`answer_heartbeat`, (4) calls `close` when the socket is gone.

The two directions are independent of each other; in each at most one CALL is open (OCPP 2.0.1 Part 4, 4.1).
Not safe for use by several threads.
"""

import gc
from collections.abc import Generator
from datetime import datetime
from enum import Enum

from csms_ocpp.commands import Command, Commands
from csms_ocpp.effects import (
    Close,
    CloseCode,
    CommandDone,
    Dispatch,
    Effect,
    ErrorInfo,
    HeartbeatReceived,
    Notice,
    NoticeKind,
    Outcome,
    SendText,
)
from csms_ocpp.errors import OcppError, parse_code
from csms_ocpp.frames import Call, CallError, CallResult, CallResultError, Frame, Send, encode_error
from csms_ocpp.limits import DEFAULT_LIMITS, SessionLimits
from csms_ocpp.parsing import FrameError, parse
from csms_ocpp.registration import Registration, Standing
from csms_ocpp.station_calls import StationCalls, UtcNow
from csms_ocpp.times import format_datetime
from csms_ocpp.versions import VERSIONS, Protocol

__all__ = [
    "Close",
    "CloseCode",
    "Command",
    "CommandDone",
    "Dispatch",
    "Effect",
    "ErrorInfo",
    "HeartbeatReceived",
    "Notice",
    "NoticeKind",
    "Outcome",
    "Registration",
    "SendText",
    "Session",
    "SessionLimits",
    "State",
]


_LARGE = 16_384
"""Characters."""


class State(Enum):
    """Where a session stands."""

    OPEN = "open"
    CLOSING = "closing"
    """A Close effect was returned. Frames are ignored until `close`."""
    CLOSED = "closed"


class Session:
    """One connection's session.

    Args:
        protocol: The negotiated version.
        registration: What the station was last told. A station that was accepted need not boot again after a reconnect.
        limits: Bounds of queues and caches.
        lenient: Take messages that break the schemas in harmless ways, see `validation.tolerated`.
        utcnow: The clock that says when they came. None: a missing time is not put in.
    """

    __slots__ = ("_calls", "_commands", "_standing", "_state", "_version")

    def __init__(
        self,
        protocol: Protocol,
        *,
        registration: Registration = Registration.UNKNOWN,
        limits: SessionLimits = DEFAULT_LIMITS,
        lenient: bool = False,
        utcnow: UtcNow | None = None,
    ) -> None:
        self._version = version = VERSIONS[protocol]
        self._state = State.OPEN
        self._standing = Standing(registration)
        self._calls = StationCalls(version, self._standing, limits, lenient=lenient, utcnow=utcnow)
        self._commands = Commands(version, self._standing, limits, lenient=lenient)

    @property
    def protocol(self) -> Protocol:
        """The negotiated version."""
        return self._version.protocol

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def registration(self) -> Registration:
        """What the station was last told."""
        return self._standing.registration

    @property
    def can_receive(self) -> bool:
        """Whether the driver may read the next frame. False only while too many CALLs of the station wait.

        A CALL that comes all the same is answered with GenericError. Answers to commands are taken at any time.
        """
        return self._calls.can_receive

    def receive_text(self, data: str | bytes, now: float) -> list[Effect]:
        """Take a text frame with any content. Never raises."""
        if self._state is not State.OPEN:
            return []
        if len(data) < _LARGE:
            try:
                frame = parse(data, self._version)
            except FrameError as error:
                return self._malformed(error, now)
            return self._handle(frame, now)
        reading = self.reading(data, now)
        while True:
            try:
                next(reading)
            except StopIteration as done:
                effects: list[Effect] = done.value
                return effects

    def reading(self, data: str | bytes, now: float) -> Generator[None, None, list[Effect]]:
        """Take a large text frame as `receive_text` does, in steps of some milliseconds. Returns the effects.

        Other inputs may come between the steps, but no frames: the driver must not read on before this one is done.
        """
        steps = self._steps(data, now)
        del data  # frees megabytes; the frame has the bytes of its payload
        while True:
            # The many values would make the garbage collector look at all objects of the process, for nothing: they
            # form no cycles, and are gone after the step.
            collecting = gc.isenabled()
            gc.disable()
            try:
                next(steps)
            except StopIteration as done:
                effects: list[Effect] = done.value
                return effects
            finally:
                if collecting:
                    gc.enable()
            yield

    def _steps(self, data: str | bytes, now: float) -> Generator[None, None, list[Effect]]:
        try:
            frame = parse(data, self._version)
        except FrameError as error:
            return self._malformed(error, now) if self._state is State.OPEN else []
        del data  # as above
        if isinstance(frame, Call | Send):
            yield from self._calls.checking(frame)
        elif isinstance(frame, CallResult):
            yield from self._commands.checking(frame)
        return self._handle(frame, now) if self._state is State.OPEN else []

    def _handle(self, frame: Frame, now: float) -> list[Effect]:
        match frame:
            case Call():
                return self._calls.receive(frame, now)
            case CallResult():
                return self._commands.result(frame, now)
            case CallError():
                return self._commands.error(frame, now)
            case Send():
                return self._calls.receive_send(frame)
            case CallResultError():
                return [Notice(NoticeKind.RESULT_REFUSED, code=parse_code(frame.code))]

    def _malformed(self, error: FrameError, now: float) -> list[Effect]:
        action = error.action if error.action in self._version.actions else ""
        effects: list[Effect] = [Notice(NoticeKind.INVALID_FRAME, error.description, action, error.code)]
        if error.meant is not None:
            effects += self._commands.unreadable(error, now)
        if error.answer:
            effects.append(SendText(encode_error(error.message_id, error, self._version.spelling)))
        return effects

    def receive_binary(self, now: float) -> list[Effect]:  # noqa: ARG002 - all inputs take the time
        """Take a binary frame. OCPP-J has text only, so the connection ends (RFC 6455: 1003)."""
        if self._state is not State.OPEN:
            return []
        self._state = State.CLOSING
        return [Notice(NoticeKind.BINARY_FRAME), Close(CloseCode.UNSUPPORTED_DATA, "OCPP-J uses text frames only")]

    def command(self, command: Command, now: float) -> list[Effect]:
        """Queue a command. Its CommandDone comes exactly once, now or later, also when the session is not open.

        A command whose id is already open or queued gives a Notice only: the CommandDone of the first is for both.
        """
        if self._state is not State.OPEN:
            return [CommandDone(command.id, Outcome.NOT_CONNECTED)]
        return self._commands.add(command, now)

    def reply(self, correlation: int, answer: bytes | OcppError) -> list[Effect]:
        """Answer a dispatched CALL with a response payload (JSON) or an error.

        A payload that breaks its schema is not sent: the station gets InternalError, and there is a Notice. The reply
        to a BootNotification sets `registration`. A correlation that is not in work any more gives a Notice.
        """
        if self._state is not State.OPEN:
            return []
        return self._calls.reply(correlation, answer)

    def replied_late(self, correlation: int, *, stored: bool) -> list[Effect]:
        """Answer a dispatched CALL whose service did not reply in time.

        Args:
            correlation: That of the Dispatch. Nothing happens when it is answered already.
            stored: Whether the CALL is durably published, and will be handled. Then the answer is empty, if its schema
                allows that.
        """
        if self._state is not State.OPEN:
            return []
        return self._calls.replied_late(correlation, stored=stored)

    def answer_heartbeat(self, correlation: int, utcnow: datetime) -> list[Effect]:
        """Answer a HeartbeatReceived with the time (G02.FR.03). Raises ValueError for a datetime without zone."""
        text = format_datetime(utcnow)
        if self._state is not State.OPEN:
            return []
        return self._calls.answer_heartbeat(correlation, text)

    def tick(self, now: float) -> list[Effect]:
        """End commands whose time is over, and send the next one. May be called at any time."""
        if self._state is not State.OPEN:
            return []
        return self._commands.tick(now)

    def next_deadline(self) -> float | None:
        """Return when `tick` is due, in seconds as `now`. None: not as things are now. Ask again after every input."""
        return self._commands.next_deadline() if self._state is State.OPEN else None

    def close(self, now: float) -> list[Effect]:  # noqa: ARG002 - all inputs take the time
        """Take the end of the connection. All commands end, one that was sent as unknown. Later inputs do nothing."""
        if self._state is State.CLOSED:
            return []
        self._state = State.CLOSED
        return self._commands.close()
