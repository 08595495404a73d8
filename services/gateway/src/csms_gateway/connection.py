"""One station's connection: drives the pure OCPP-J session with a socket, the clock and the bus."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from csms.v1.bus_pb2 import Record
from csms_ocpp.effects import NoticeKind
from csms_ocpp.errors import OcppError
from csms_ocpp.session import (
    Close,
    Command,
    CommandDone,
    Dispatch,
    Effect,
    HeartbeatReceived,
    Notice,
    Outcome,
    Registration,
    SendText,
    Session,
    SessionLimits,
)
from csms_runtime import metrics
from csms_runtime.clock import now_ms, utcnow
from csms_runtime.ids import new_id
from csms_runtime.texts import storable
from websockets.frames import CloseCode

from csms_gateway.connection_requests import Allowed
from csms_gateway.frame_log import frames_are_logged, log_frame
from csms_gateway.identity import GatewayId
from csms_gateway.messages.message_log import MessageLog
from csms_gateway.rate import PRICE_OF_REFUSAL, price_of
from csms_gateway.reading import LARGE_BYTES, Reading
from csms_gateway.running import NONE
from csms_gateway.socket import StationSocket
from csms_gateway.versions import GATEWAY_VERSIONS

_log = structlog.get_logger(__name__)

_FIRST_PRIVATE_CODE = 3000
_BYTES_IN = metrics.GATEWAY_BYTES.labels("in")
_HEARTBEATS = metrics.GATEWAY_CALLS_IN.labels("Heartbeat", "result")
_MAX_QUEUED_BYTES = 64 * 1024
"""When more bytes of messages wait behind the CALL in work, no more are read."""

SENDS_TOO_MUCH = (
    "it sends more than CSMS_MESSAGE_RATE and CSMS_MESSAGE_BURST let it, and is not listened to for a while"
)


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """What all connections of a gateway have in common; one object shared by all."""

    gateway: GatewayId
    limits: SessionLimits
    lenient: bool
    dispatch: "Callable[[StationConnection, Dispatch], None]"
    """Takes the station's valid CALLs. Must answer each of them later, by `reply` or `replied_late`."""
    command_done: "Callable[[StationConnection, CommandDone], None]"
    """Takes the outcome of a command. Is called exactly once for each command."""
    noticed: "Callable[[StationConnection, Notice], None]"
    """Learns what the session noticed, and logs it."""
    messages: MessageLog | None = None
    """Keeps what stations send and are sent. None: nobody does."""


class StationConnection:
    """A connected station. All methods belong to the event loop's thread and, but for `run`, never block."""

    __slots__ = (
        "_deadline",
        "_logs_frames",
        "_messages",
        "_options",
        "_queued_bytes",
        "_reading",
        "_session",
        "_socket",
        "_timer",
        "commands",
        "connected_at_ms",
        "connection_id",
        "draining",
        "message_timeout_s",
        "number",
        "open_call",
        "peer",
        "protocol",
        "reported_at",
        "running",
        "station_id",
        "version",
    )

    def __init__(self, socket: StationSocket, allowed: Allowed, options: ConnectionOptions) -> None:
        self.station_id = allowed.station_id
        self.connection_id = new_id()
        self.number = allowed.connection_number
        """Of a station's connections the one with the highest number counts."""
        self.peer = allowed.peer
        self.protocol = allowed.protocol
        """The negotiated OCPP version."""
        self.version = GATEWAY_VERSIONS[self.protocol]
        """What the gateway knows of that version."""
        self.connected_at_ms = now_ms()
        self.message_timeout_s = allowed.message_timeout_s
        self.open_call: str | None = None
        """Correlation id of the station's CALL that waits for its service. `StationCallRouter` sets it."""
        self.commands: dict[str, Record] = {}
        """Commands that are queued or open, by correlation id. `CommandRouter` changes them."""
        self.running = NONE
        """The transactions that the station told on this connection, and that have not ended."""
        self.draining = False
        """Whether it takes no new commands, and closes as soon as nothing is open."""
        self.reported_at = socket.heard_at
        """What was last told of `heard_at`. `Announcements` changes it."""
        self._socket = socket
        self._options = options
        self._session = Session(
            self.protocol,
            registration=allowed.registration,
            limits=options.limits,
            lenient=options.lenient,
            utcnow=utcnow,
        )
        self._queued_bytes = 0
        """Bytes of the messages that came while a CALL was in work."""
        self._logs_frames = frames_are_logged()
        self._messages = None if options.messages is None else options.messages.of(self.station_id, self.protocol)
        self._reading: Reading | None = None
        """The large message that is being read. No other message is taken meanwhile."""
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def epoch(self) -> int:
        """The gateway's epoch: with the connection id, the owner token."""
        return self._options.gateway.epoch

    @property
    def registration(self) -> Registration:
        """What the station was last told about its registration."""
        return self._session.registration

    @property
    def heard_at(self) -> float:
        """When the station was last heard from, by the event loop's clock."""
        return self._socket.heard_at

    @property
    def silent_s(self) -> float:
        """For how many seconds nothing was heard from the station."""
        return self._now() - self._socket.heard_at

    @property
    def is_open(self) -> bool:
        """Whether the socket is open."""
        return self._socket.is_open

    @property
    def close_code(self) -> int:
        """The WebSocket close code once the connection has ended, else 0."""
        return self._socket.close_code or 0

    @property
    def close_reason(self) -> str:
        """Why the connection ended: our reason, else the station's."""
        return self._socket.closed_because or storable(self._socket.close_reason or "")

    @property
    def idle(self) -> bool:
        """Whether no CALL is open in either direction, or being read."""
        return self.settled and not self.commands

    def _now(self) -> float:
        return self._socket.loop.time()

    async def run(self) -> None:
        """Handle what the station sends until the connection ends."""
        self._socket.intake.listen_to(self)
        await self._socket.ended()

    # What the socket calls (see `Receiver`). While `ready` is False the socket is not read: this is the backpressure.

    @property
    def ready(self) -> bool:
        """Whether another message may come."""
        if self.open_call is None:  # then nothing waits behind it
            return self._reading is None
        return self._reading is None and self._session.can_receive and self._queued_bytes <= _MAX_QUEUED_BYTES

    @property
    def settled(self) -> bool:
        """Whether no CALL of the station is being read, and none waits for its turn or its answer."""
        return self.open_call is None and self._reading is None

    def receive_text(self, data: bytes) -> None:
        """Take a text message."""
        self._socket.intake.charge(price_of(data))
        _BYTES_IN.inc(len(data))
        if self.open_call is not None:
            self._queued_bytes += len(data)
        if self._logs_frames:
            log_frame("received", self.station_id, self.protocol, data)
        if self._messages is not None:
            self._messages.received(data)
        try:
            self._read(data)
        except Exception:  # noqa: BLE001 it concerns one connection
            self._failed()

    def _read(self, data: bytes) -> None:
        if len(data) < LARGE_BYTES:
            self._carry_out(self._session.receive_text(data, self._now()))
            return
        steps = self._session.reading(data, self._now())
        self._reading = Reading(steps, self._socket.intake.turns, read=self._have_read, failed=self._failed)
        self._reading.go_on()

    def _have_read(self, effects: list[Effect]) -> None:
        self._reading = None
        self._carry_out(effects)

    def _failed(self) -> None:
        self._reading = None
        _log.exception("message failed", station_id=self.station_id)
        self.close(CloseCode.INTERNAL_ERROR, "internal error")

    def receive_binary(self) -> None:
        """Learn of a binary message."""
        self._carry_out(self._session.receive_binary(self._now()))

    def paused(self) -> None:
        """Learn that the station is not listened to for a while. It costs the station nothing more."""
        self._options.noticed(self, Notice(NoticeKind.RATE_LIMITED, SENDS_TOO_MUCH))

    def reply(self, correlation: int, answer: bytes | OcppError) -> None:
        """Give a service's answer to the station."""
        self._carry_out(self._session.reply(correlation, answer))

    def refuse(self, dispatch: Dispatch, kind: NoticeKind, error: OcppError) -> None:
        """Answer a CALL (not a SEND) with an error, and note why it could not be taken."""
        self._note(Notice(kind, error.description, dispatch.action, error.code))
        if not dispatch.no_reply:
            self.reply(dispatch.correlation, error)

    def replied_late(self, correlation: int, *, stored: bool) -> None:
        """Answer the station in place of a silent service. `stored`: whether its CALL is durably on the bus."""
        self._carry_out(self._session.replied_late(correlation, stored=stored))

    def command(self, command: Command) -> None:
        """Queue a CALL for the station."""
        self._carry_out(self._session.command(command, self._now()))

    def drain(self) -> None:
        """Take no new commands, and close with 1001 as soon as no CALL is open in either direction."""
        self.draining = True
        self._close_when_drained()

    def close(self, code: int, reason: str) -> None:
        """Start to close the connection; `run` returns when it is closed."""
        self._socket.begin_close(code, reason)

    def end(self) -> None:
        """Release everything after the connection has ended. Each command that is left ends as not connected."""
        if self._reading is not None:
            self._reading.end()
            self._reading = None
        self._carry_out(self._session.close(self._now()))
        if self._timer is not None:
            self._timer.cancel()
        metrics.GATEWAY_DISCONNECTS.labels(_code_label(self.close_code)).inc()
        if self._socket.sent_close_code == CloseCode.MESSAGE_TOO_BIG:
            self._note(Notice(NoticeKind.TOO_LARGE, "the connection was closed: a message was far too large"))
        if self._messages is not None:
            self._messages.ended()

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._apply(effect)
        if self.commands or self._deadline is not None:  # only commands have deadlines
            self._set_timer()
        intake = self._socket.intake
        if self.open_call is None and self._reading is None:  # as `settled` says; a call would cost too much here
            self._queued_bytes = 0
            intake.release()
        intake.go_on()
        if self.draining:
            self._close_when_drained()

    def _apply(self, effect: Effect) -> None:
        match effect:
            case SendText():
                self._send(effect.text)
            case Dispatch():
                running_after = self.version.running.get(effect.action)
                if running_after is not None:
                    self.running = running_after(self.running, effect.payload)
                self._options.dispatch(self, effect)
            case CommandDone():
                self._command_done(effect)
            case HeartbeatReceived():
                _HEARTBEATS.inc()
                for following in self._session.answer_heartbeat(effect.correlation, utcnow()):
                    self._apply(following)
            case Close():
                self.close(effect.code, effect.reason)
            case Notice():
                self._note(effect)

    def _send(self, text: str) -> None:
        if self._logs_frames:
            log_frame("sent", self.station_id, self.protocol, text)
        if self._messages is not None:
            self._messages.sent(text)
        self._socket.send_frame(text)

    def _command_done(self, done: CommandDone) -> None:
        if self._messages is not None and done.outcome is Outcome.TIMEOUT:
            self._messages.timed_out(done.id)
        self._options.command_done(self, done)

    def _note(self, notice: Notice) -> None:
        self._socket.intake.charge(PRICE_OF_REFUSAL)
        metrics.GATEWAY_NOTICES.labels(notice.kind.value, notice.code.value if notice.code else "").inc()
        if self._messages is not None:
            self._messages.noticed(notice)
        self._options.noticed(self, notice)

    def _set_timer(self) -> None:
        deadline = self._session.next_deadline()
        if deadline == self._deadline:
            return
        self._deadline = deadline
        if self._timer is not None:
            self._timer.cancel()
        # A timer of the event loop costs less than a task that waits.
        self._timer = None if deadline is None else self._socket.loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = self._deadline = None
        self._carry_out(self._session.tick(self._now()))

    def _close_when_drained(self) -> None:
        if self.idle:
            self.close(CloseCode.GOING_AWAY, "the gateway is stopping")


def _code_label(code: int) -> str:
    # Stations may send any code from 3000 on.
    return str(code) if code < _FIRST_PRIVATE_CODE else "other"
