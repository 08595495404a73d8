"""The connections of an HTTP port: how many there may be, and how long each may keep its next request to itself.

uvicorn has a timeout for idle connections, which the first byte of a request ends, and none for what comes before the
first request. What stands here surrounds its protocol (`uvicorn.Config(http=...)`) and its app.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from csms_runtime import metrics

_STATE_KEY = "csms.connection"


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


class Connections:
    """Makes the protocols of one port, and knows which of them wait for a request."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._waiting: dict[_Connection, None] = {}
        """Those that wait for a request, the longest first."""
        self._open = 0

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

    def told(self, app: ASGIApp) -> ASGIApp:
        """Return an app that tells the connection when a request begins and ends."""

        async def telling(scope: Scope, receive: Receive, send: Send) -> None:
            connection = scope.get("state", {}).pop(_STATE_KEY, None)
            if not isinstance(connection, _Connection):
                await app(scope, receive, send)
                return
            connection.began()
            try:
                await app(scope, receive, send)
            finally:
                connection.ended()

        return telling


class _Connection(asyncio.Protocol):
    """Surrounds uvicorn's protocol with timers."""

    inner: H11Protocol

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Of the next request."""
        self._stall: asyncio.TimerHandle | None = None
        self._requests = 0
        """In work: a client may send the next one early."""
        self._gone = False

    def abort(self) -> None:
        """End the connection; at once it waits no more."""
        self._connections.busy(self)
        if self._transport is not None:
            self._transport.abort()

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
            self._timer = self._after(self._connections.limits.idle_s, self.abort)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._timer = self._after(self._connections.limits.request_s, self.abort)
        self.inner.connection_made(self._transport)
        self._connections.made(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.inner.data_received(data)

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
