"""A station's WebSocket: websockets' server connection with synchronous sends, and a watch that costs no task."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from csms_runtime import metrics
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event, State

from csms_gateway.admission import Admitted
from csms_gateway.watch import Watch


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


class StationSocket(ServerConnection):
    """One station's socket. Writing never blocks: what is outstanding is bounded by OCPP-J's one CALL per direction.

    Frames are written through `protocol` and `send_data()`, as `websockets.broadcast()` does.
    """

    heard_at: float = 0.0
    """When the station's last bytes came, by the event loop's clock."""
    admitted: Admitted | None = None
    """Set by the handshake."""
    closed_because: str = ""
    """Why we ended the connection; empty: the station did."""

    on_text: Callable[[bytes], bool] | None = None
    """Takes a whole text message as soon as it came; False: not now, it is to be read by `recv` in its turn.

    Spares most messages the queue, and waking the task that reads it."""
    on_made: "Callable[[StationSocket], None] | None" = None
    """Called when the TCP connection, or the TLS connection on it, is there."""
    on_lost: Callable[[], None] | None = None
    """Called when the TCP connection is gone."""

    _alive_at: float = 0.0
    _pinged_at: float = 0.0
    _times: WatchTimes = _UNTIL_STARTED
    _ping_after_s: float = _UNTIL_STARTED.ping_interval_s
    _watch: Watch | None = None
    _tick: int = 0
    _stuck_timer: asyncio.TimerHandle | None = None
    _writable: asyncio.Event | None = None

    def start(self, times: WatchTimes, watch: Watch) -> None:
        """Begin to watch the peer; called once, after the handshake."""
        self._times, self._watch = times, watch
        self._forget_handshake()
        self.heard_at = self._alive_at = self.loop.time()
        self._ping_after_s = times.ping_interval_s * random.uniform(_EARLIEST_PING, 1.0)  # noqa: S311 needs no secrecy
        self._tick = watch.after(self._ping_after_s, self)

    def _forget_handshake(self) -> None:
        # Headers hold the password, and kilobytes that nobody needs for as long as the connection lives.
        if self.request is not None:
            self.request.headers = Headers()
        if self.response is not None:
            self.response.headers = Headers()

    @property
    def is_open(self) -> bool:
        """Whether frames may be sent."""
        return self.protocol.state is State.OPEN

    @property
    def writing_paused(self) -> bool:
        """Whether the peer has yet to take what was sent; see `writable`."""
        return self._writable is not None

    def send_frame(self, text: str) -> bool:
        """Send a text frame; False: the connection is not open any more."""
        if not self.is_open:
            return False
        data = text.encode()
        self.protocol.send_text(data)
        self.send_data()
        metrics.GATEWAY_BYTES.labels("out").inc(len(data))
        return True

    def begin_close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the reader sees the end of the connection. Does nothing when it is closing."""
        if not self.is_open:
            return
        self.closed_because = reason
        self.protocol.send_close(code, reason)
        self.send_data()
        self.loop.call_later(self._times.close_timeout_s, self.transport.abort)

    async def writable(self) -> None:
        """Wait until the peer has taken what was sent; returns also when the connection ends."""
        if self._writable is not None:
            await self._writable.wait()

    def look(self) -> None:
        """Ping a silent peer, give up a dead one. For `Watch`."""
        if self._watch is None:  # the connection was lost at the same moment
            return
        now = self.loop.time()
        if self.recv_messages.paused:  # we do not read, so we cannot hear
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
            self.protocol.send_ping(b"")
            self.send_data()

    def _give_up(self, reason: str) -> None:
        metrics.GATEWAY_DEAD_PEERS.labels(reason).inc()
        self.closed_because = self.closed_because or reason
        self.protocol.fail(CloseCode.INTERNAL_ERROR, reason)
        self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.heard_at = self.loop.time()
        super().connection_made(transport)
        self.recv_messages.resume = self._resume_reading
        if self.on_made is not None:
            self.on_made(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.heard_at = self.loop.time()
        super().data_received(data)

    def process_event(self, event: Event) -> None:
        """See websockets."""
        if (
            self.on_text is not None
            and isinstance(event, Frame)
            and event.opcode is Opcode.TEXT
            and event.fin
            and not self.recv_messages.frames  # what came earlier comes first
            and self.on_text(bytes(event.data))
        ):
            return
        super().process_event(event)

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        super().pause_writing()
        # Else the answers to the pings of a peer that takes nothing would pile up without limit.
        self.transport.pause_reading()
        self._writable = asyncio.Event()
        self._stuck_timer = self.loop.call_later(self._times.send_timeout_s, self._give_up, "stuck while sending")

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        self._unblock()
        self._resume_reading()

    def _resume_reading(self) -> None:
        """Read again, if neither the queue of messages is full nor the peer slow to take what is sent."""
        if self._writable is None and not self.recv_messages.paused:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        super().connection_lost(exc)
        self._unblock()
        if self.on_lost is not None:
            self.on_lost()
        if self._watch is not None:
            self._watch.forget(self._tick, self)
            self._watch = None

    def _unblock(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
        if self._writable is not None:
            self._writable.set()
            self._writable = None
