"""Answers stations' upgrade requests (RFC 6455, 4.2): lets them wait, asks auth, refuses."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from csms_runtime import metrics, passwords
from websockets.http11 import Request, Response
from websockets.protocol import State

from csms_gateway.connection_requests import Allowed, ConnectionRequests
from csms_gateway.connections import Connections
from csms_gateway.handshake import Opening, Refusal, Result, opening
from csms_gateway.proxy import Visitor, behind
from csms_gateway.rate import Buckets
from csms_gateway.settings import GatewaySettings
from csms_gateway.socket import StationSocket
from csms_gateway.tries import LONGEST_DELAY_S, Tries

_SLACK_S = 5.0 + LONGEST_DELAY_S
"""Seconds that an answer may take, besides the waiting for a place and for auth."""
_RETRY_AFTER_S = 10
_LONGEST_DEBT_S = 5.0
"""Seconds. A station that owes more work than this is refused, and told when to come back."""


class Upgrades:
    """Decides about upgrade requests, a limited number at a time. The others wait for a place.

    Args:
        settings: The gateway's.
        requests: Asks auth.
        connections: Those that are open.
        buckets: What stations owe.
        most_stations: Connected stations and handshakes in work at most.
        owing: Is called with the station id and the version of OCPP when a station has sent more than it may.
        refused: Is called for each refusal, with the request and the address.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        requests: ConnectionRequests,
        connections: Connections,
        buckets: Buckets,
        *,
        most_stations: int,
        owing: Callable[[str, str], None],
        refused: Callable[[Request | None, str, Refusal], None],
    ) -> None:
        self._settings = settings
        self._requests = requests
        self._connections = connections
        self._buckets = buckets
        self._most_stations = most_stations
        self._owing = owing
        self._refused = refused
        self._places = asyncio.Semaphore(settings.max_handshakes)
        self._tries = Tries(settings.password_tries)
        self._secret_key = settings.require_secret_key()
        self._in_work = 0

    async def answer(self, socket: StationSocket, request: Request) -> Response:
        """Return the answer to a request: 101, after which `socket.allowed` is set, or a refusal.

        Takes CSMS_HANDSHAKE_WAIT_S plus CSMS_SERVICE_TIMEOUT_S and some seconds at most.
        """
        longest_s = self._settings.handshake_wait_s + self._settings.service_timeout_s + _SLACK_S
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
        """Report a request that is refused because it is no opening handshake of WebSocket (RFC 6455, 4.2.1)."""
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
        owed_s = self._buckets.owes(wanted.key, station.loop.time())
        if owed_s > _LONGEST_DEBT_S:
            self._owing(wanted.station_id, wanted.protocol)
            raise _owes(owed_s)
        visitor = behind(_visitor(station), headers, self._settings.proxy_rules)
        if wanted.password is None:  # there is nothing to guess
            station.allowed = await self._ask(station, wanted, visitor)
        else:
            station.allowed = await self._try(station, wanted, visitor, wanted.password)
        station.intake.charge_to(self._buckets.of(wanted.key, station.loop.time()))
        return Result.ACCEPTED

    async def _ask(self, station: StationSocket, wanted: Opening, visitor: Visitor) -> Allowed:
        async with self._place(station):
            return await self._requests.ask(wanted, visitor)

    async def _try(self, station: StationSocket, wanted: Opening, visitor: Visitor, password: bytes) -> Allowed:
        """Ask auth about a password. Raises Refusal; for wrong passwords later and later."""
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
            self._tries.end(station_id, address)  # a refusal that is delayed must keep nobody from trying
        await asyncio.sleep(penalty.delay_s)
        raise _too_many_tries(penalty.retry_after_s) if penalty.retry_after_s else refused

    @asynccontextmanager
    async def _place(self, station: StationSocket) -> AsyncIterator[None]:
        """Hold a place among the handshakes in work.

        Raises Refusal when no place is free in time, when the gateway is full, or when the station has gone.
        """
        if len(self._connections) + self._in_work >= self._most_stations:
            raise _overloaded()
        self._count(1)
        try:
            await self._take_place()
            try:
                if station.state is not State.CONNECTING:  # work for stations that gave up would delay those that wait
                    raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The station has gone.\n", Result.ABANDONED)
                yield
            finally:
                self._places.release()
        finally:
            self._count(-1)

    async def _take_place(self) -> None:
        try:
            async with asyncio.timeout(self._settings.handshake_wait_s):
                await self._places.acquire()
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
    if certificate:  # asyncio would keep kilobytes of Python objects as long as the connection lives
        station.transport.get_extra_info("peercert", {}).clear()
    return Visitor(text, tls=True, certificate=certificate or b"")
