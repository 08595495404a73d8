"""A station's WebSocket: an asyncio protocol over websockets' sans-I/O `ServerProtocol`."""

import asyncio
import random
from dataclasses import dataclass
from typing import cast

from csms_runtime import metrics
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from csms_gateway.connection_requests import Allowed
from csms_gateway.intake import Intake
from csms_gateway.rate import PRICE_OF_READ
from csms_gateway.request_reader import RequestReader
from csms_gateway.shared import Shared
from csms_gateway.watch import Watch

_BYTES_OUT = metrics.GATEWAY_BYTES.labels("out")
_WRITE_LIMIT_BYTES = 16 * 1024
"""Bytes waiting for the station from which its socket is not read any more."""
_LINGER_S = 1.0
"""How long a refused client has to read why."""


@dataclass(frozen=True, slots=True)
class WatchTimes:
    """How a dead or stuck peer is found; all in seconds."""

    ping_interval_s: float
    """A ping is sent when nothing was heard for so long, or for up to a fifth less."""
    ping_timeout_s: float
    """The peer is dead when it was silent for so long after a ping."""
    send_timeout_s: float
    """The peer is stuck when it took nothing of what is to be sent for so long."""
    close_timeout_s: float
    """The TCP connection is aborted so long after the closing handshake began."""


_EARLIEST_PING = 0.8
"""Of the ping interval: stations that came back at the same moment shall not be pinged at the same moment for ever."""

_UNTIL_STARTED = WatchTimes(ping_interval_s=60, ping_timeout_s=60, send_timeout_s=5, close_timeout_s=5)


class StationSocket(asyncio.BufferedProtocol):
    """One station's socket. Writing never blocks: what is outstanding is bounded by OCPP-J's one CALL per direction."""

    __slots__ = (
        "_alive_at",
        "_deadline",
        "_ended",
        "_ping_after_s",
        "_pinged_at",
        "_protocol",
        "_request",
        "_shared",
        "_stuck_timer",
        "_tick",
        "_times",
        "_watch",
        "allowed",
        "closed_because",
        "heard_at",
        "intake",
        "loop",
        "said_goodbye",
        "transport",
        "writing_paused",
    )

    transport: asyncio.Transport

    def __init__(self, protocol: ServerProtocol, shared: Shared) -> None:
        self.loop = asyncio.get_running_loop()
        self.heard_at = self.loop.time()
        """When the station's last bytes came, by the event loop's clock."""
        self.allowed: Allowed | None = None
        """Set by the handshake."""
        self.closed_because = ""
        """Why we ended the connection; empty: the station did."""
        self.intake = Intake(self, protocol, shared, self.heard_at)
        """What the station sends."""
        self.writing_paused = False
        """Whether the peer has yet to take what was sent."""
        self.said_goodbye = False
        """Whether we have ended our side of the connection: nobody listens any more."""
        self._protocol = protocol
        self._shared = shared
        self._request: RequestReader | None = RequestReader()
        self._deadline: asyncio.TimerHandle | None = None
        """Of the HTTP request, or of the end of the connection."""
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] | None = None
        self._alive_at = self._pinged_at = 0.0
        self._times = _UNTIL_STARTED
        self._ping_after_s = self._times.ping_interval_s
        self._watch: Watch | None = None
        self._tick = 0

    def start(self, times: WatchTimes, watch: Watch) -> None:
        """Begin to watch the peer; called once, after the handshake."""
        self._times, self._watch = times, watch
        self.heard_at = self._alive_at = self.loop.time()
        self._ping_after_s = times.ping_interval_s * random.uniform(_EARLIEST_PING, 1.0)  # noqa: S311 needs no secrecy
        self._tick = watch.after(self._ping_after_s, self)

    @property
    def state(self) -> State:
        """Where the WebSocket connection stands."""
        return self._protocol.state

    @property
    def is_open(self) -> bool:
        """Whether frames may be sent."""
        return self._protocol.state is State.OPEN

    @property
    def close_code(self) -> int | None:
        """The WebSocket close code; None until the connection has ended."""
        return self._protocol.close_code

    @property
    def sent_close_code(self) -> int | None:
        """The close code that was sent from here; None: none was, or the connection has not ended."""
        if self._protocol.state is not State.CLOSED:
            return None
        sent = self._protocol.close_exc.sent
        return None if sent is None else int(sent.code)

    @property
    def close_reason(self) -> str | None:
        """What the station gave as reason; None until the connection has ended."""
        return self._protocol.close_reason

    @property
    def remote_address(self) -> str:
        """The IP address of the other end; empty when there is none."""
        address = self.transport.get_extra_info("peername")
        return str(address[0]) if isinstance(address, tuple) else ""

    async def ended(self) -> None:
        """Wait until the TCP connection is gone. Not for several tasks."""
        if self._protocol.state is not State.CLOSED:
            self._ended = self.loop.create_future()
            await self._ended

    def accept(self, request: Request) -> Response:
        """Return the answer to a request that is to be upgraded: 101, or what is wrong with it."""
        return self._protocol.accept(request)

    def reject(self, status: int, text: str) -> Response:
        """Return the answer to a request that is refused."""
        return self._protocol.reject(status, text)

    def respond(self, response: Response) -> None:
        """Answer the HTTP request; afterwards the connection is open, or about to end."""
        rest = self._request.rest if self._request is not None else None
        self._request = None
        self._protocol.send_response(response)
        self.flush()
        if rest:
            self.intake.receive(rest)

    def send_frame(self, text: str) -> bool:
        """Send a text frame; False: the connection is not open any more."""
        if not self.is_open:
            return False
        data = text.encode()
        self._protocol.send_text(data)
        self.flush()
        _BYTES_OUT.inc(len(data))
        return True

    def begin_close(self, code: int, reason: str) -> None:
        """Start the closing handshake. Does nothing when it is closing."""
        if not self.is_open:
            return
        self.closed_because = reason
        self._protocol.send_close(code, reason)
        self.flush()
        self.intake.go_on()

    def fail(self, code: int, reason: str) -> None:
        """End the connection because of what the station sent."""
        self.closed_because = self.closed_because or reason
        self._protocol.fail(code, reason)
        self.flush()

    def abort(self) -> None:
        """End the TCP connection at once."""
        self.transport.abort()

    def flush(self) -> None:
        """Write what the protocol wants to send."""
        for data in self._protocol.data_to_send():
            if not data:
                self.said_goodbye = True
                self._end_output()
            elif not self.transport.is_closing():
                self.transport.write(data)
        if self._protocol.state is not State.OPEN and self._deadline is None and self._protocol.close_expected():
            timeout_s = _LINGER_S if self._protocol.state is State.CONNECTING else self._times.close_timeout_s
            self._deadline = self.loop.call_later(timeout_s, self.transport.abort)

    def _end_output(self) -> None:
        if self.transport.is_closing():
            return
        if not self.transport.can_write_eof():  # TLS
            self.transport.close()
            return
        try:
            self.transport.write_eof()
        except (OSError, RuntimeError):  # the peer was quicker
            self.transport.abort()

    # For Watch

    def look(self) -> None:
        """Ping a silent peer, give up a dead one."""
        if self._watch is None:  # the connection was lost at the same moment
            return
        now = self.loop.time()
        if not self.intake.reading:  # we do not read, so we cannot hear
            self._alive_at = now
        alive_at = max(self._alive_at, self.heard_at)
        if self._pinged_at > alive_at:
            self._give_up("keepalive ping timeout")
            return
        silent = now - alive_at
        if silent >= self._ping_after_s:
            self._ping(now)
            delay = self._times.ping_timeout_s
        else:
            delay = self._ping_after_s - silent
        self._tick = self._watch.after(delay, self)

    def _ping(self, now: float) -> None:
        if self.is_open:
            self._pinged_at = now
            self._protocol.send_ping(b"")
            self.flush()

    def _give_up(self, reason: str) -> None:
        metrics.GATEWAY_DEAD_PEERS.labels(reason).inc()
        self.closed_because = self.closed_because or reason
        self.transport.abort()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(_WRITE_LIMIT_BYTES)
        self._deadline = self.loop.call_later(self._shared.request_timeout_s, self.transport.abort)
        self._shared.owner.made(self)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 asyncio's
        """See asyncio.BufferedProtocol."""
        return self._shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        data = bytes(self._shared.buffer[:nbytes])
        self.heard_at = self.loop.time()
        self.intake.charge(PRICE_OF_READ)
        if self._request is None:
            self.intake.receive(data)
        elif not self.said_goodbye:
            self._read_request(self._request, data)

    def _read_request(self, reader: RequestReader, data: bytes) -> None:
        try:
            part = reader.take(data)
        except ValueError:
            self._shared.owner.malformed(self)
            self.transport.abort()
            return
        if not part:
            return
        was_broken = self._protocol.handshake_exc is not None
        self._protocol.receive_data(part)
        events = self._protocol.events_received()
        if events or self._protocol.close_expected():
            self._stop_deadline()
        self.flush()
        for event in events:
            if isinstance(event, Request):
                self._shared.owner.requested(self, event)
        if not (events or was_broken) and self._protocol.handshake_exc is not None:
            self._shared.owner.malformed(self)

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self.intake.finish()
        self._protocol.receive_eof()
        self.flush()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        # Else the answers to the pings of a peer that takes nothing would pile up without limit.
        self.writing_paused = True
        self.intake.read(on=False)
        self._stuck_timer = self.loop.call_later(self._times.send_timeout_s, self._give_up, "stuck while sending")

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self.writing_paused = False
        self._stop_stuck_timer()
        self.intake.go_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's
        """See asyncio.Protocol."""
        self._protocol.receive_eof()
        self._protocol.data_to_send()
        self._stop_deadline()
        self._stop_stuck_timer()
        self.intake.close()
        if self._watch is not None:
            self._watch.forget(self._tick, self)
            self._watch = None
        self._shared.owner.lost(self)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_stuck_timer(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
