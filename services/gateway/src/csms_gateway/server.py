"""Listens for stations: TCP with and without TLS, and the WebSocket's options."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from csms_ocpp import station_ids
from csms_runtime import metrics, open_files
from csms_runtime.http import PortTakenError
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from csms_gateway.budget import Budget
from csms_gateway.connection_requests import ConnectionRequests
from csms_gateway.connections import Connections
from csms_gateway.handshake import Refusal, Result
from csms_gateway.listeners import Listeners, listen_plain
from csms_gateway.rate import Buckets
from csms_gateway.settings import GatewaySettings
from csms_gateway.silent_sockets import SilentSockets
from csms_gateway.socket import StationSocket
from csms_gateway.socket_context import SocketContext
from csms_gateway.socket_limits import socket_limits
from csms_gateway.tls import TlsFailure
from csms_gateway.tls_listener import TlsListener
from csms_gateway.tls_reload import CurrentContext
from csms_gateway.turns import Turns
from csms_gateway.upgrades import Upgrades

_log = structlog.get_logger(__name__)

# At level debug websockets would log whole frames and headers, with passwords in them.
_quiet = logging.getLogger("csms_gateway.websockets")
_quiet.setLevel(logging.WARNING)

# Without context takeover no compressor lives between messages: 10,000 idle stations cost nothing.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True, compress_settings={"memLevel": 5}
)


class StationServer:
    """The listening sockets, and what happens to each connection. `serve_station` runs until its connection ends.

    `tls_failed` and `tls_passed` are called for TLS handshakes that failed or succeeded, with the address. For `owing`
    and `refused` see `Upgrades`; `refused` gets no request when it can't be read.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        requests: ConnectionRequests,
        connections: Connections,
        serve_station: Callable[[StationSocket], Awaitable[None]],
        *,
        tls_failed: Callable[[TlsFailure, str], None],
        tls_passed: Callable[[str], None],
        owing: Callable[[str, str], None],
        refused: Callable[[Request | None, str, Refusal], None],
    ) -> None:
        self._settings = settings
        self._serve_station = serve_station
        self._tls_failed = tls_failed
        self._tls_passed = tls_passed
        self._refused = refused
        self._limits = socket_limits(
            settings.max_connections,
            settings.max_handshakes,
            open_files.allowed(),
            is_chosen="max_connections" in settings.model_fields_set,
        )
        metrics.GATEWAY_CONNECTIONS_RATIO.set_function(lambda: len(connections) / self._limits.stations)
        self._silent = SilentSockets(self._limits.stations, self._limits.sockets)
        self._listeners = Listeners()
        self._stations: set[asyncio.Task[None]] = set()
        """One task per connection, from its request to its end."""
        self._port: int | None = None
        self._tls_port: int | None = None
        self._context = SocketContext(
            owner=self,
            budget=Budget(settings.max_buffered_bytes),
            turns=Turns(),
            buckets=Buckets(settings.message_rate, settings.message_burst, 2 * settings.max_connections),
            max_message_bytes=settings.max_message_bytes,
            request_timeout_s=settings.request_timeout_s,
            transfer_timeout_s=settings.transfer_timeout_s,
        )
        self._upgrades = Upgrades(
            settings,
            requests,
            connections,
            self._context.buckets,
            most_stations=self._limits.stations,
            owing=owing,
            refused=refused,
        )

    @property
    def port(self) -> int:
        """The TCP port without TLS; the one with TLS when there is no other. Raises RuntimeError before `start`."""
        port = self._port or self._tls_port
        if port is None:
            raise RuntimeError("the server was not started")
        return port

    @property
    def tls_port(self) -> int | None:
        """The TCP port with TLS; None: there is none, or `start` was not called."""
        return self._tls_port

    async def start(self, tls: CurrentContext | None) -> None:
        """Listen, with TLS if there is a context for it. Raises PortTakenError when an address cannot be used."""
        settings = self._settings
        host, backlog = settings.ocpp_host, settings.accept_backlog
        if settings.ocpp_plain:
            try:
                self._listeners.plain = await listen_plain(self._new_socket, host, settings.ocpp_port, backlog)
            except OSError as error:
                raise PortTakenError(host, settings.ocpp_port, error, "CSMS_OCPP_HOST, CSMS_OCPP_PORT") from error
            self._port = int(self._listeners.plain[0].sockets[0].getsockname()[1])
        if tls is not None and settings.ocpp_tls_port is not None:
            self._listeners.tls = self._tls_listener(tls)
            try:
                self._tls_port = self._listeners.tls.start(host, settings.ocpp_tls_port, backlog)
            except OSError as error:
                self._listeners.close()
                where = "CSMS_OCPP_HOST, CSMS_OCPP_TLS_PORT"
                raise PortTakenError(host, settings.ocpp_tls_port, error, where) from error
        _log.info("listening for stations", host=host, port=self._port, tls_port=self._tls_port)

    def _tls_listener(self, tls: CurrentContext) -> TlsListener:
        settings = self._settings
        return TlsListener(
            tls,
            self._new_socket,
            self._tls_failed,
            self._tls_passed,
            handshake_timeout_s=settings.ocpp_tls_handshake_timeout_s,
            close_timeout_s=settings.close_timeout_s,
            max_handshakes=self._limits.tls_handshakes,
        )

    def _new_socket(self) -> StationSocket:
        protocol = ServerProtocol(
            extensions=[_DEFLATE],
            # A message that is a little too large is read, and answered with an error. The connection stays open.
            max_size=self._settings.max_message_bytes * 5 // 4,
            logger=_quiet,
        )
        return StationSocket(protocol, self._context)

    def stop_accepting(self) -> None:
        """Close the listening sockets. Handshakes in work are answered 503, open connections stay."""
        self._listeners.close()
        self._silent.abort()

    async def wait_closed(self) -> None:
        """Wait until the last connection has ended."""
        await self._listeners.wait_closed()
        if self._stations:
            await asyncio.wait(self._stations)

    # For the sockets

    def made(self, socket: StationSocket) -> None:
        """See `Owner`."""
        self._silent.made(socket)

    def lost(self, socket: StationSocket) -> None:
        """See `Owner`."""
        self._silent.lost(socket)
        if socket.allowed is not None:
            self._context.buckets.left(station_ids.key(socket.allowed.station_id), socket.loop.time())

    def malformed(self, socket: StationSocket) -> None:
        """See `Owner`."""
        metrics.GATEWAY_HANDSHAKES.labels(Result.BAD_REQUEST.value).inc()
        # Nothing of the request is repeated: its headers may hold a password.
        text = "The HTTP request is malformed or too long.\n"
        self._refused(None, socket.remote_address, Refusal(0, text, Result.BAD_REQUEST))

    def requested(self, socket: StationSocket, request: Request) -> None:
        """See `Owner`."""
        self._silent.requested(socket)
        task = socket.loop.create_task(self._serve(socket, request))
        self._stations.add(task)
        task.add_done_callback(self._stations.discard)

    async def _serve(self, socket: StationSocket, request: Request) -> None:
        """Answer the request, and see the connection through to its end."""
        try:
            response = await self._answer(socket, request)
            if socket.state is State.CONNECTING:
                socket.respond(response)
            del response
            # The headers hold the password and take kilobytes. websockets' parser would keep them as long as it lives.
            request.headers = Headers()
            if socket.is_open:
                await self._serve_station(socket)
            else:
                await socket.ended()
        except Exception:  # noqa: BLE001 it concerns one connection
            _log.exception("connection failed")
        finally:
            socket.abort()

    async def _answer(self, socket: StationSocket, request: Request) -> Response:
        response = await self._upgrades.answer(socket, request)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS and self._listeners.closed:
            return socket.reject(HTTPStatus.SERVICE_UNAVAILABLE, "The gateway is stopping.\n")
        return response
