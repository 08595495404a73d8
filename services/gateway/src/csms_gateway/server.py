"""Listens for stations: TCP, the HTTP upgrade, and the WebSocket's options."""

import asyncio
import logging
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from csms_runtime import metrics
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from csms_gateway.admission import Admission, Peer
from csms_gateway.handshake import Refusal, Result, choose_protocol, opening
from csms_gateway.registry import Registry
from csms_gateway.settings import GatewaySettings
from csms_gateway.socket import StationSocket

_log = structlog.get_logger(__name__)

# At debug level websockets logs whole frames and headers, passwords included: never let it.
_quiet = logging.getLogger("csms_gateway.websockets")
_quiet.setLevel(logging.WARNING)

_MAX_QUEUED_FRAMES = (4, 1)
"""Frames read ahead of the session per connection: high and low water."""
_WRITE_LIMIT_BYTES = 16 * 1024
"""Bytes waiting for the station from which its socket is not read any more."""
_HANDSHAKE_SLACK_S = 5.0
"""How long a handshake may take besides waiting for its turn and for auth: sending the request, reading the answer."""
_RETRY_AFTER_S = 10

# Without context takeover no compressor lives between messages: 10,000 idle stations cost nothing.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True, compress_settings={"memLevel": 5}
)


class StationServer:
    """The listening socket and the opening handshakes. `serve_station` runs for as long as its connection lives."""

    def __init__(
        self,
        settings: GatewaySettings,
        admission: Admission,
        registry: Registry,
        serve_station: Callable[[StationSocket], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._admission = admission
        self._registry = registry
        self._serve_station = serve_station
        self._turns = asyncio.Semaphore(settings.max_handshakes)
        self._in_work = 0
        self._server: Server | None = None
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The TCP port that is listened on. Raises RuntimeError before `start`."""
        if self._port is None:
            raise RuntimeError("the server was not started")
        return self._port

    async def start(self) -> None:
        """Listen. Raises OSError when the address cannot be used."""
        settings = self._settings
        _raise_file_limit()
        self._server = await serve(
            self._handle,
            settings.ocpp_host,
            settings.ocpp_port,
            backlog=settings.accept_backlog,
            process_request=self._process_request,
            select_subprotocol=self._select_subprotocol,
            create_connection=StationSocket,
            compression=None,
            extensions=[_DEFLATE],
            server_header=None,
            open_timeout=settings.handshake_wait_s + settings.service_timeout_s + _HANDSHAKE_SLACK_S,
            ping_interval=None,  # StationSocket watches its peer without a task
            close_timeout=settings.close_timeout_s,
            max_size=settings.max_message_bytes,
            max_queue=_MAX_QUEUED_FRAMES,
            write_limit=_WRITE_LIMIT_BYTES,
            logger=_quiet,
        )
        self._port = int(self._server.sockets[0].getsockname()[1])
        _log.info("listening for stations", host=settings.ocpp_host, port=self.port)

    def stop_accepting(self) -> None:
        """Close the listening socket; handshakes in work are answered 503, open connections stay."""
        if self._server is not None:
            self._server.close(close_connections=False)

    async def wait_closed(self) -> None:
        """Wait until the last connection has ended."""
        if self._server is not None:
            await self._server.wait_closed()

    async def _handle(self, connection: ServerConnection) -> None:
        await self._serve_station(_station_socket(connection))

    def _select_subprotocol(self, _connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol:
        chosen = choose_protocol(offered, self._settings.ocpp_protocols)
        if chosen is None:  # cannot happen: _process_request has refused it
            raise NegotiationError("no common subprotocol")
        return Subprotocol(chosen)

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        started = time.perf_counter()
        result = Result.ABANDONED
        try:
            result = await self._admit(_station_socket(connection), request)
        except Refusal as refusal:
            result = refusal.result
            return self._refuse(connection, refusal)
        finally:
            metrics.GATEWAY_HANDSHAKES.labels(result.value).inc()
            metrics.GATEWAY_HANDSHAKE_SECONDS.observe(time.perf_counter() - started)
        return None

    async def _admit(self, socket: StationSocket, request: Request) -> Result:
        headers = request.headers
        if "websocket" not in ",".join(headers.get_all("Upgrade")).lower():
            return Result.NOT_WEBSOCKET  # websockets answers 426
        wanted = opening(
            request.path,
            headers.get_all("Sec-WebSocket-Protocol"),
            headers.get_all("Authorization"),
            self._settings.ocpp_protocols,
        )
        async with self._turn():
            socket.admitted = await self._admission.admit(wanted, _peer(socket))
        return Result.ACCEPTED

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the handshakes in work. Raises Refusal when it is not our turn in time, or the gateway is full."""
        if len(self._registry) + self._in_work >= self._settings.max_connections:
            raise _overloaded()
        self._count(1)
        try:
            await self._take_turn()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._count(-1)

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._settings.handshake_wait_s):
                await self._turns.acquire()
        except TimeoutError:
            raise _overloaded() from None

    def _count(self, change: int) -> None:
        self._in_work += change
        metrics.GATEWAY_HANDSHAKES_IN_WORK.set(self._in_work)

    def _refuse(self, connection: ServerConnection, refusal: Refusal) -> Response:
        response = connection.respond(HTTPStatus(refusal.status), refusal.text)
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = f'Basic realm="{self._settings.ocpp_realm}", charset="UTF-8"'
        if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = str(_RETRY_AFTER_S)
        return response


def _raise_file_limit() -> None:
    """Every connection is an open file: let this process have as many as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _log.info("open files allowed", before=soft, now=hard)


def _station_socket(connection: ServerConnection) -> StationSocket:
    if not isinstance(connection, StationSocket):
        raise TypeError("the server makes StationSockets only")
    return connection


def _overloaded() -> Refusal:
    text = "Too many stations are connecting; try again later.\n"
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, text, Result.OVERLOADED)


def _peer(socket: StationSocket) -> Peer:
    address = socket.remote_address
    return Peer(str(address[0]) if isinstance(address, tuple) else "", _security_profile(socket))


def _security_profile(socket: StationSocket) -> int:
    tls = socket.transport.get_extra_info("ssl_object")
    if tls is None:
        return 1
    return 3 if tls.getpeercert() else 2
