"""A station's WebSocket: an asyncio protocol over websockets' sans-I/O `ServerProtocol`."""

import asyncio
from typing import cast

from csms_runtime import metrics
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from csms_gateway.connection_requests import Allowed
from csms_gateway.intake import Intake
from csms_gateway.keepalive import UNTIL_STARTED, Keepalive, WatchTimes
from csms_gateway.rate import PRICE_OF_READ
from csms_gateway.request_reader import RequestReader
from csms_gateway.socket_context import SocketContext
from csms_gateway.watch import Watch

_BYTES_OUT = metrics.GATEWAY_BYTES.labels("out")
_WRITE_LIMIT_BYTES = 16 * 1024
"""When more bytes wait to be sent to a station, its socket is not read."""
_LINGER_S = 1.0
"""Seconds that a refused client has to read the reason."""


class StationSocket(asyncio.BufferedProtocol):
    """One station's socket. Writing never blocks. OCPP-J allows one CALL per direction, which bounds what waits."""

    __slots__ = (
        "_context",
        "_deadline",
        "_ended",
        "_keepalive",
        "_protocol",
        "_request",
        "_stuck_timer",
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

    def __init__(self, protocol: ServerProtocol, context: SocketContext) -> None:
        self.loop = asyncio.get_running_loop()
        self.heard_at = self.loop.time()
        """When the station's last bytes came, in seconds of the event loop's clock."""
        self.allowed: Allowed | None = None
        """Set by the handshake."""
        self.closed_because = ""
        """Why we ended the connection. Empty: the station ended it, or it is open."""
        self.intake = Intake(self, protocol, context, self.heard_at)
        """Takes what the station sends."""
        self.writing_paused = False
        """Whether too much of what was sent waits for the peer."""
        self.said_goodbye = False
        """Whether we have ended our side of the connection, and take nothing more."""
        self._protocol = protocol
        self._context = context
        self._request: RequestReader | None = RequestReader()
        self._deadline: asyncio.TimerHandle | None = None
        """Ends a connection whose HTTP request, or whose closing, takes too long."""
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] | None = None
        self._keepalive: Keepalive | None = None
        """Set once the connection is open."""

    def start(self, times: WatchTimes, watch: Watch) -> None:
        """Begin to watch the peer. Call it once, after the handshake."""
        self.heard_at = self.loop.time()
        self._keepalive = Keepalive(self, times, watch)

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
        """The close code that we sent. None: we sent none, or the connection has not ended."""
        if self._protocol.state is not State.CLOSED:
            return None
        sent = self._protocol.close_exc.sent
        return None if sent is None else int(sent.code)

    @property
    def close_reason(self) -> str | None:
        """The reason that the station gave. None until the connection has ended."""
        return self._protocol.close_reason

    @property
    def remote_address(self) -> str:
        """The IP address of the other end; empty when there is none."""
        address = self.transport.get_extra_info("peername")
        return str(address[0]) if isinstance(address, tuple) else ""

    async def ended(self) -> None:
        """Wait until the TCP connection is gone. Only one task may wait."""
        if self._protocol.state is not State.CLOSED:
            self._ended = self.loop.create_future()
            await self._ended

    def accept(self, request: Request) -> Response:
        """Return the answer to a request that is to be upgraded: 101, or what is wrong with it."""
        if self.allowed is not None:
            self._protocol.available_subprotocols = [Subprotocol(self.allowed.protocol)]
        return self._protocol.accept(request)

    def reject(self, status: int, text: str) -> Response:
        """Return the answer to a request that is refused."""
        return self._protocol.reject(status, text)

    def respond(self, response: Response) -> None:
        """Answer the HTTP request. After that the connection is open, or about to end."""
        rest = self._request.rest if self._request is not None else None
        self._request = None
        self._protocol.send_response(response)
        self.flush()
        if rest:
            self.intake.receive(rest)

    def send_frame(self, text: str) -> bool:
        """Send a text frame. Returns False when the connection is not open any more."""
        if self._protocol.state is not State.OPEN:
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
        except (OSError, RuntimeError):  # the peer has ended the connection already
            self.transport.abort()

    def ping(self) -> bool:
        """Send a ping. Returns False when the connection is not open any more."""
        if not self.is_open:
            return False
        self._protocol.send_ping(b"")
        self.flush()
        return True

    def give_up(self, reason: str) -> None:
        """End the connection to a peer that is dead or stuck."""
        metrics.GATEWAY_DEAD_PEERS.labels(reason).inc()
        self.closed_because = self.closed_because or reason
        self.transport.abort()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(_WRITE_LIMIT_BYTES)
        self._deadline = self.loop.call_later(self._context.request_timeout_s, self.transport.abort)
        self._context.owner.made(self)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002 asyncio's
        """See asyncio.BufferedProtocol."""
        return self._context.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        data = bytes(self._context.view[:nbytes])
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
            self._context.owner.malformed(self)
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
                self._context.owner.requested(self, event)
        if not (events or was_broken) and self._protocol.handshake_exc is not None:
            self._context.owner.malformed(self)

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self.intake.finish()
        self._protocol.receive_eof()
        self.flush()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        # A peer that sends pings and takes no answers would else make them pile up without limit.
        self.writing_paused = True
        self.intake.read(on=False)
        self._stuck_timer = self.loop.call_later(self._times.send_timeout_s, self.give_up, "stuck while sending")

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
        if self._keepalive is not None:
            self._keepalive.end()
        self._context.owner.lost(self)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    @property
    def _times(self) -> WatchTimes:
        return UNTIL_STARTED if self._keepalive is None else self._keepalive.times

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_stuck_timer(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
