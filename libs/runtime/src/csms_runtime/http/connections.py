"""The connections of an HTTP port: how many there may be, and how long each may keep its next request to itself.

uvicorn has a timeout for idle connections, which the first byte of a request ends, and none for what comes before the
first request. What stands here surrounds its protocol (`uvicorn.Config(http=...)`) and its app.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from csms_runtime import metrics
from csms_runtime.http.conduit import Conduit

_STATE_KEY = "csms.connection"
_MOST_HEADERS = 200
"""Of a request: all that look at it go through them again and again."""
_TOO_MANY_HEADERS = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_BLANK_LINE = re.compile(rb"\n\r?\n")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one HTTP port; times in seconds."""

    most: int
    """Connections at a time; of more, the one that has waited longest for its next request gives way."""
    request_s: float = 15.0
    """How long the first request's head may take, from the TCP connection on."""
    idle_s: float = 90.0
    """How long the next request's head may take, from the end of the answer before."""
    stall_s: float = 60.0
    """How long a client may take nothing of an answer."""
    linger_s: float = 30.0
    """How long a client may go on to send what is not read any more, since it was answered early."""
    linger_bytes: int = 64 * 1024 * 1024
    """How much of that it may send."""


class Connections:
    """Makes the protocols of one port, and knows which of them wait for a request."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._waiting: dict[_Connection, None] = {}
        """Those that wait for a request, the longest first."""
        self._open = 0
        self._lingering: set[_Connection] = set()
        self._stopping = False

    def stop(self) -> None:
        """Wait no more for clients that were answered."""
        self._stopping = True
        for connection in list(self._lingering):
            connection.abort()

    def lingers(self, connection: "_Connection") -> bool:
        """Whether a client that was answered early, or is refused, may send on for a while."""
        if not self._stopping:
            self._lingering.add(connection)
        return not self._stopping

    def protocol(self, *, app_state: dict[str, Any], **arguments: Any) -> asyncio.Protocol:  # noqa: ANN401 uvicorn's
        """Return the protocol of a new connection: what uvicorn calls."""
        connection = _Connection(self)
        connection.inner = H11Protocol(app_state={**app_state, _STATE_KEY: connection}, **arguments)
        return connection

    def made(self, connection: "_Connection") -> None:
        """Count a connection; when there are too many, one ends."""
        self._open += 1
        self._waiting[connection] = None
        if self._open > self.limits.most:
            metrics.HTTP_CONNECTIONS_CROWDED_OUT.inc()
            next(iter(self._waiting)).abort()

    def busy(self, connection: "_Connection") -> None:
        """Its request has come."""
        self._waiting.pop(connection, None)

    def waiting(self, connection: "_Connection") -> None:
        """It was answered."""
        self._waiting[connection] = None

    def lost(self, connection: "_Connection") -> None:
        """It has ended."""
        self._open -= 1
        self._waiting.pop(connection, None)
        self._lingering.discard(connection)

    def told(self, app: ASGIApp) -> ASGIApp:
        """Return an app that tells the connection when a request begins and ends."""

        async def telling(scope: Scope, receive: Receive, send: Send) -> None:
            connection = scope.get("state", {}).pop(_STATE_KEY, None)
            if not isinstance(connection, _Connection):
                await app(scope, receive, send)
                return
            connection.began()
            try:
                await app(scope, receive, connection.closing_if_cut_short(send))
            finally:
                connection.ended()

        return telling


class _Head:
    """Counts the lines of a request's head before anybody parses them."""

    __slots__ = ("_lines", "_tail")

    def __init__(self) -> None:
        self._lines = 0
        self._tail = b""

    def add(self, data: bytes) -> None:
        """Take what came; what follows an empty line is no head."""
        data = self._tail + data
        end = _BLANK_LINE.search(data)
        self._lines += data.count(b"\n", len(self._tail), len(data) if end is None else max(end.end(), len(self._tail)))
        self._tail = data[-2:]

    @property
    def is_long(self) -> bool:
        """Whether it has more headers than a request may."""
        return self._lines > _MOST_HEADERS


class _Connection(asyncio.Protocol):
    """Surrounds uvicorn's protocol with timers."""

    inner: H11Protocol

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._conduit: Conduit | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Of the next request."""
        self._stall: asyncio.TimerHandle | None = None
        self._requests = 0
        """In work: a client may send the next one early."""
        self._gone = False
        self._head = _Head()

    def abort(self) -> None:
        """End the connection; at once it waits no more."""
        self._connections.busy(self)
        if self._conduit is not None:
            self._conduit.abort()

    def began(self) -> None:
        """A request is there."""
        self._requests += 1
        self._connections.busy(self)
        self._stop_timer()

    def ended(self) -> None:
        """A request was answered."""
        self._requests -= 1
        if not self._requests and not self._gone:
            self._connections.waiting(self)
            if self._timer is None:
                self._timer = self._after(self._connections.limits.idle_s, self.abort)

    def closing_if_cut_short(self, send: Send) -> Send:
        """Return a `send` that tells a client that is answered before it has sent all that nothing more is read."""

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start" and self._client_sends():
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        return telling

    def _client_sends(self) -> bool:
        """Whether the client has not sent all of its request, or was not understood."""
        return self._head.is_long or self.inner.conn.their_state in {h11.SEND_BODY, h11.ERROR}

    def _take(self, data: bytes) -> None:
        """Take a step of what the client sends."""
        if self.inner.conn.their_state is h11.IDLE and self._conduit is not None:
            self._head.add(data)
            if self._head.is_long:
                self._conduit.write(_TOO_MANY_HEADERS)
                self._conduit.close()
                return
        self.inner.data_received(data)
        if self.inner.conn.their_state is not h11.IDLE:
            self._head = _Head()

    def _begin_to_linger(self) -> bool:
        if not self._client_sends() or not self._connections.lingers(self):
            return False
        self._stop_timer()
        self._timer = self._after(self._connections.limits.linger_s, self.abort)
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        limits = self._connections.limits
        self._conduit = Conduit(
            cast("asyncio.Transport", transport), self._take, self._begin_to_linger, limits.linger_bytes
        )
        self._timer = self._after(limits.request_s, self.abort)
        self.inner.connection_made(self._conduit)
        self._connections.made(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._conduit is not None:
            self._conduit.received(data)

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self.inner.eof_received()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._stall = self._after(self._connections.limits.stall_s, self.abort)
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._stop_stall()
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._gone = True
        self._stop_timer()
        self._stop_stall()
        self._connections.lost(self)
        self.inner.connection_lost(exc)

    def _after(self, seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, act)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
