"""Listens for stations: TCP with and without TLS, the HTTP upgrade, and the WebSocket's options."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from csms_ocpp import station_ids
from csms_runtime import metrics, open_files, passwords
from csms_runtime.http import PortTakenError
from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from csms_gateway.budget import Budget
from csms_gateway.connection_requests import Allowed, ConnectionRequests
from csms_gateway.handshake import Opening, Refusal, Result, choose_protocol, opening
from csms_gateway.listeners import Listeners, listen_plain
from csms_gateway.proxy import Visitor, behind
from csms_gateway.rate import Buckets
from csms_gateway.registry import Registry
from csms_gateway.room import rooms
from csms_gateway.settings import GatewaySettings
from csms_gateway.shared import Shared
from csms_gateway.socket import StationSocket
from csms_gateway.tls import TlsFailure
from csms_gateway.tls_listener import TlsListener
from csms_gateway.tls_reload import CurrentContext
from csms_gateway.tries import LONGEST_DELAY_S, Tries
from csms_gateway.turns import Turns
from csms_gateway.unasked import Unasked

_log = structlog.get_logger(__name__)

# At debug level websockets logs whole frames and headers, passwords included: never let it.
_quiet = logging.getLogger("csms_gateway.websockets")
_quiet.setLevel(logging.WARNING)

_HANDSHAKE_SLACK_S = 5.0 + LONGEST_DELAY_S
"""How long an answer to a request may take besides waiting for its turn and for auth."""
_RETRY_AFTER_S = 10
_LONGEST_DEBT_S = 5.0
"""A station that has caused more work than it may, and would not be listened to for longer, is told to come back."""

# Without context takeover no compressor lives between messages: 10,000 idle stations cost nothing.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True, compress_settings={"memLevel": 5}
)


class StationServer:
    """The listening sockets and the opening handshakes. `serve_station` runs for as long as its connection lives.

    `tls_failed` is told of TLS handshakes that failed, with the address; `owing` of stations that are not let in since
    they have sent more than they may, with the version of OCPP; `refused` of upgrades that are refused, with the
    request, if it can be read, and the address.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        requests: ConnectionRequests,
        registry: Registry,
        serve_station: Callable[[StationSocket], Awaitable[None]],
        *,
        tls_failed: Callable[[TlsFailure, str], None],
        owing: Callable[[str, str], None],
        refused: Callable[[Request | None, str, Refusal], None],
    ) -> None:
        self._settings = settings
        self._requests = requests
        self._registry = registry
        self._serve_station = serve_station
        self._tls_failed = tls_failed
        self._owing = owing
        self._refused = refused
        self._select_subprotocol = _selector(settings.ocpp_protocols)
        self._turns = asyncio.Semaphore(settings.max_handshakes)
        self._room = rooms(
            settings.max_connections,
            settings.max_handshakes,
            open_files.allowed(),
            is_chosen="max_connections" in settings.model_fields_set,
        )
        self._unasked = Unasked(self._room.stations, self._room.sockets)
        self._tries = Tries(settings.password_tries)
        self._secret_key = settings.require_secret_key()
        self._in_work = 0
        self._listeners = Listeners()
        self._stations: set[asyncio.Task[None]] = set()
        """From the request to the end of the connection."""
        self._port: int | None = None
        self._tls_port: int | None = None
        self._shared = Shared(
            owner=self,
            budget=Budget(settings.max_buffered_bytes),
            turns=Turns(),
            buckets=Buckets(settings.message_rate, settings.message_burst, 2 * settings.max_connections),
            max_message_bytes=settings.max_message_bytes,
            request_timeout_s=settings.request_timeout_s,
            transfer_timeout_s=settings.transfer_timeout_s,
        )

    @property
    def port(self) -> int:
        """The TCP port without TLS, or else the one with. Raises RuntimeError before `start`."""
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
            handshake_timeout_s=settings.ocpp_tls_handshake_timeout_s,
            close_timeout_s=settings.close_timeout_s,
            max_handshakes=self._room.tls_handshakes,
        )

    def _new_socket(self) -> StationSocket:
        protocol = ServerProtocol(
            extensions=[_DEFLATE],
            select_subprotocol=self._select_subprotocol,
            # What is a little larger is read, so that the station gets an error for it instead of a closed connection.
            max_size=self._settings.max_message_bytes * 5 // 4,
            logger=_quiet,
        )
        return StationSocket(protocol, self._shared)

    def stop_accepting(self) -> None:
        """Close the listening sockets; handshakes in work are answered 503, open connections stay."""
        self._listeners.close()
        self._unasked.abort()

    async def wait_closed(self) -> None:
        """Wait until the last connection has ended."""
        await self._listeners.wait_closed()
        if self._stations:
            await asyncio.wait(self._stations)

    # For the sockets

    def made(self, socket: StationSocket) -> None:
        """See `Owner`."""
        self._unasked.made(socket)

    def lost(self, socket: StationSocket) -> None:
        """See `Owner`."""
        self._unasked.lost(socket)
        if socket.allowed is not None:
            self._shared.buckets.left(station_ids.key(socket.allowed.station_id), socket.loop.time())

    def malformed(self, socket: StationSocket) -> None:
        """See `Owner`."""
        metrics.GATEWAY_HANDSHAKES.labels(Result.BAD_REQUEST.value).inc()
        # Nothing of it is repeated: its headers may hold a password.
        text = "The HTTP request is malformed or too long.\n"
        self._refused(None, socket.remote_address, Refusal(0, text, Result.BAD_REQUEST))

    def requested(self, socket: StationSocket, request: Request) -> None:
        """See `Owner`."""
        self._unasked.asked(socket)
        task = socket.loop.create_task(self._serve(socket, request))
        self._stations.add(task)
        task.add_done_callback(self._stations.discard)

    async def _serve(self, socket: StationSocket, request: Request) -> None:
        """Answer the request, and see the connection through to its end."""
        try:
            response = await self._respond(socket, request)
            if socket.state is State.CONNECTING:
                socket.respond(response)
            del response
            # They hold the password, and kilobytes, and websockets' parser refers to them as long as it lives.
            request.headers = Headers()
            if socket.is_open:
                await self._serve_station(socket)
            else:
                await socket.ended()
        except Exception:  # noqa: BLE001 it concerns one connection
            _log.exception("connection failed")
        finally:
            socket.abort()

    async def _respond(self, socket: StationSocket, request: Request) -> Response:
        longest_s = self._settings.handshake_wait_s + self._settings.service_timeout_s + _HANDSHAKE_SLACK_S
        try:
            async with asyncio.timeout(longest_s):
                refused = await self._process(socket, request)
        except TimeoutError:
            refused = self._refuse(socket, _overloaded())
        if refused is not None:
            return refused
        response = socket.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._tell_unfit(socket, request, response)
        elif self._listeners.closed:
            return socket.reject(HTTPStatus.SERVICE_UNAVAILABLE, "The gateway is stopping.\n")
        return response

    async def _process(self, socket: StationSocket, request: Request) -> Response | None:
        started = time.perf_counter()
        result = Result.ABANDONED
        try:
            result = await self._allow(socket, request)
        except Refusal as refusal:
            result = refusal.result
            self._refused(request, self._address(socket, request), refusal)
            return self._refuse(socket, refusal)
        finally:
            metrics.GATEWAY_HANDSHAKES.labels(result.value).inc()
            metrics.GATEWAY_HANDSHAKE_SECONDS.observe(time.perf_counter() - started)
        return None

    def _address(self, socket: StationSocket, request: Request) -> str:
        return behind(_visitor(socket), request.headers, self._settings.proxy_rules).address

    def _tell_unfit(self, socket: StationSocket, request: Request, response: Response) -> None:
        """Tell of a request that is refused since it is no opening handshake of WebSocket (RFC 6455, 4.2.1)."""
        asked = response.status_code != HTTPStatus.UPGRADE_REQUIRED
        result = Result.BAD_REQUEST if asked else Result.NOT_WEBSOCKET
        refusal = Refusal(response.status_code, response.body.decode(errors="replace"), result)
        self._refused(request, self._address(socket, request), refusal)

    async def _allow(self, station: StationSocket, request: Request) -> Result:
        headers = request.headers
        if "websocket" not in ",".join(headers.get_all("Upgrade")).lower():
            return Result.NOT_WEBSOCKET  # websockets answers 426
        wanted = opening(
            request.path,
            headers.get_all("Sec-WebSocket-Protocol"),
            headers.get_all("Authorization"),
            self._settings.ocpp_protocols,
        )
        owed_s = self._shared.buckets.owes(wanted.key, station.loop.time())
        if owed_s > _LONGEST_DEBT_S:
            self._owing(wanted.station_id, wanted.protocol)
            raise _owes(owed_s)
        visitor = behind(_visitor(station), headers, self._settings.proxy_rules)
        if wanted.password is None:  # there is nothing to guess
            station.allowed = await self._ask(station, wanted, visitor)
        else:
            station.allowed = await self._try(station, wanted, visitor, wanted.password)
        station.intake.charge_to(self._shared.buckets.of(wanted.key, station.loop.time()))
        return Result.ACCEPTED

    async def _ask(self, station: StationSocket, wanted: Opening, visitor: Visitor) -> Allowed:
        async with self._turn(station):
            return await self._requests.ask(wanted, visitor)

    async def _try(self, station: StationSocket, wanted: Opening, visitor: Visitor, password: bytes) -> Allowed:
        """Ask with a password, as one of few tries at a time. Raises Refusal, later and later for wrong passwords."""
        station_id, address = wanted.key, visitor.address
        digest = passwords.digest(self._secret_key, station_id, password)
        if not self._tries.begin(station_id, address, digest):
            raise _too_many_tries(1.0)
        try:
            allowed = await self._ask(station, wanted, visitor)
        except Refusal as refusal:
            if refusal.status != HTTPStatus.UNAUTHORIZED:
                raise
            refused = refusal
            penalty = self._tries.failed(station_id, address, digest, time.monotonic())
        else:
            self._tries.succeeded(station_id, address, digest)
            return allowed
        finally:
            self._tries.end(station_id, address)  # a refusal that waits to be answered keeps nobody from trying
        await asyncio.sleep(penalty.delay_s)
        raise _too_many_tries(penalty.retry_after_s) if penalty.retry_after_s else refused

    @asynccontextmanager
    async def _turn(self, station: StationSocket) -> AsyncIterator[None]:
        """One of the handshakes in work.

        Raises Refusal when it is not our turn in time, when the gateway is full, or when the station has gone.
        """
        if len(self._registry) + self._in_work >= self._room.stations:
            raise _overloaded()
        self._count(1)
        try:
            await self._take_turn()
            try:
                if station.state is not State.CONNECTING:  # work for those who gave up would delay those who wait
                    raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The station has gone.\n", Result.ABANDONED)
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

    def _refuse(self, socket: StationSocket, refusal: Refusal) -> Response:
        response = socket.reject(HTTPStatus(refusal.status), refusal.text)
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = f'Basic realm="{self._settings.ocpp_realm}", charset="UTF-8"'
        if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = str(_RETRY_AFTER_S)
        elif refusal.retry_after_s:
            response.headers["Retry-After"] = str(refusal.retry_after_s)
        return response


def _selector(supported: Sequence[str]) -> Callable[[ServerProtocol, Sequence[Subprotocol]], Subprotocol]:
    # A function, since websockets makes a method of it.
    def select(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol:
        chosen = choose_protocol(offered, supported)
        if chosen is None:  # cannot happen: `opening` has refused it
            raise NegotiationError("no common subprotocol")
        return Subprotocol(chosen)

    return select


def _too_many_tries(retry_after_s: float) -> Refusal:
    text = "Too many wrong passwords; try again later.\n"
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, text, Result.TOO_MANY_TRIES, retry_after_s=math.ceil(retry_after_s))


def _owes(seconds: float) -> Refusal:
    text = "This station has sent more than it may; try again later.\n"
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, text, Result.OWES, retry_after_s=math.ceil(seconds))


def _overloaded() -> Refusal:
    text = "Too many stations are connecting; try again later.\n"
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, text, Result.OVERLOADED)


def _visitor(station: StationSocket) -> Visitor:
    text = station.remote_address
    tls = station.transport.get_extra_info("ssl_object")
    if tls is None:
        return Visitor(text)
    certificate = tls.getpeercert(binary_form=True)
    if certificate:  # asyncio keeps it for as long as the connection lives, in kilobytes of Python objects
        station.transport.get_extra_info("peercert", {}).clear()
    return Visitor(text, tls=True, certificate=certificate or b"")
