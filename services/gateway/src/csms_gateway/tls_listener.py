"""Accepts TCP connections and makes TLS connections of them.

`create_server(ssl=...)` does not fit: it tells nobody which address failed and why, begins any number of handshakes at
once, and keeps one context for as long as it listens.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable

import structlog
from csms_runtime import metrics

from csms_gateway.socket import StationSocket
from csms_gateway.tls import ACCEPTED, TlsFailure, failure
from csms_gateway.tls_reload import CurrentContext

_log = structlog.get_logger(__name__)

PATIENCE_S = 3.0
"""Seconds. When all places are taken, a handshake that is older gives its place to the next connection."""
_RECEIVE_BUFFER_BYTES = 16 * 1024
"""Receive buffer of each connection. uvloop and OpenSSL keep buffers as large as the largest read: a connection that
had once sent 60 KB kept some 120 KiB more."""
_NO_FILES_PAUSE_S = 1.0
"""Pause after an accept that failed, most likely because all file descriptors are in use."""


class TlsListener:
    """A listening socket and the TLS handshakes in work, of which there are at most `max_handshakes`.

    More TCP connections wait in the system's queue, until a handshake is done or the oldest one has had its time:
    clients that begin handshakes and do not go on must not keep the others out. `make_socket` makes the protocol of a
    connection, which learns of it when its handshake is complete. `on_failure` is called with the reason and the
    address when a handshake failed, `on_success` with the address when one succeeded.
    """

    def __init__(
        self,
        current: CurrentContext,
        make_socket: Callable[[], StationSocket],
        on_failure: Callable[[TlsFailure, str], None],
        on_success: Callable[[str], None],
        *,
        handshake_timeout_s: float,
        close_timeout_s: float,
        max_handshakes: int,
    ) -> None:
        self._current = current
        self._make_socket = make_socket
        self._on_failure = on_failure
        self._on_success = on_success
        self._handshake_timeout_s = handshake_timeout_s
        self._close_timeout_s = close_timeout_s
        self._places = asyncio.Semaphore(max_handshakes)
        self._handshakes: dict[asyncio.Task[None], float] = {}
        """The handshakes in work and when they began, the oldest first."""
        self._accepting: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None

    def start(self, host: str, port: int, backlog: int) -> int:
        """Listen, and return the port (0 stands for any free one). Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=backlog)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._socket.setblocking(False)  # noqa: FBT003 the socket's API
        self._accepting = asyncio.get_running_loop().create_task(self._accept(self._socket), name="tls-accept")
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Accept no more connections, and break handshakes in work off."""
        for task in (self._accepting, *self._handshakes):
            if task is not None:
                task.cancel()

    async def wait_closed(self) -> None:
        """Wait until everything has ended that `close` began to end."""
        tasks = [task for task in (self._accepting, *self._handshakes) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                await self._take_place()
                try:
                    connection, address = await loop.sock_accept(listening)
                except OSError as error:
                    self._places.release()
                    _log.warning("cannot accept a connection", error=str(error))
                    await asyncio.sleep(_NO_FILES_PAUSE_S)
                    continue
                task = loop.create_task(self._handshake(connection, str(address[0])))
                self._handshakes[task] = loop.time()
                task.add_done_callback(self._done)

    async def _take_place(self) -> None:
        """Wait for a place. When none becomes free, the oldest handshake that has had `PATIENCE_S` gives its own."""
        loop = asyncio.get_running_loop()
        while True:
            oldest, began = next(iter(self._handshakes.items()), (None, loop.time()))
            try:
                async with asyncio.timeout_at(began + PATIENCE_S):
                    await self._places.acquire()
            except TimeoutError:
                if oldest is not None:
                    metrics.GATEWAY_TLS_HANDSHAKES.labels("crowded_out", "").inc()
                    oldest.cancel()
                    await asyncio.wait({oldest})
            else:
                return

    def _done(self, task: asyncio.Task[None]) -> None:
        self._places.release()
        self._handshakes.pop(task, None)
        metrics.GATEWAY_TLS_HANDSHAKES_IN_WORK.set(len(self._handshakes))

    async def _handshake(self, connection: socket.socket, address: str) -> None:
        metrics.GATEWAY_TLS_HANDSHAKES_IN_WORK.set(len(self._handshakes))
        ACCEPTED.set(connection)
        try:
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                self._make_socket,
                connection,
                ssl=self._current.context,
                ssl_handshake_timeout=self._handshake_timeout_s,
                ssl_shutdown_timeout=self._close_timeout_s,
            )
        # ssl.SSLError and TimeoutError are such; a certificate with strange content may be a ValueError.
        except (OSError, ValueError) as error:
            self._failed(failure(error), address)
            return
        wrapped = transport.get_extra_info("ssl_object")
        if isinstance(wrapped, ssl.SSLObject):
            kind = "resumed" if wrapped.session_reused else "full"
            metrics.GATEWAY_TLS_HANDSHAKES.labels(kind, wrapped.version() or "").inc()
            self._on_success(address)

    def _failed(self, why: TlsFailure, address: str) -> None:
        metrics.GATEWAY_TLS_HANDSHAKES.labels(why.result, "").inc()
        self._on_failure(why, address)
