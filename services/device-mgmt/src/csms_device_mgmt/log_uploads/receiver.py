"""Receives logs over HTTP: PUT or POST below /api/v1/log-uploads/, with the credentials that GetLog named (N01)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple

import structlog
from csms_runtime.clock import utcnow
from csms_runtime.http.guesses import Guesses
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from csms_device_mgmt.log_uploads import upload_rows
from csms_device_mgmt.log_uploads.upload import basic, file_name, is_over, is_password
from csms_device_mgmt.log_uploads.upload_rows import Attempt
from csms_device_mgmt.tables import LogUpload
from csms_device_mgmt.unit import Units

PREFIX = "/api/v1/log-uploads/"
PIECE_BYTES = 256 * 1024
MOST_AT_A_TIME = 8
"""Uploads in work at a time; others are told to come again."""
MOST_OF_STATION = 2
"""Of them, those of one station."""
TIMEOUT_S = 1800.0
"""How long an upload may take: 64 MiB at 500 kbit/s take 18 minutes."""
IDLE_S = 30.0
"""How long an upload may be silent."""
_METHODS = frozenset({"PUT", "POST"})

_log = structlog.get_logger(__name__)


class _RefusedError(Exception):
    """The upload is not taken; `headers` of the answer say more."""

    def __init__(self, status: HTTPStatus, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers


class _Work(NamedTuple):
    """An upload in work."""

    station_id: str
    limit: asyncio.Timeout


class LogReceiver:
    """An ASGI application. What it answers is for stations: a status and a line of text, never a redirect."""

    def __init__(self, units: Units, most_bytes: int, idle_s: float = IDLE_S) -> None:
        """`most_bytes` a file may have, and `idle_s` seconds without a byte end an upload."""
        self._units = units
        self._most = most_bytes
        self._idle_s = idle_s
        self._free = asyncio.Semaphore(MOST_AT_A_TIME)
        self._at_work: dict[str, _Work] = {}
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except _RefusedError as error:
            headers = {name.replace("_", "-"): value for name, value in error.headers.items()}
            answer = PlainTextResponse(f"{error}\n", error.status, {**headers, "Connection": "close"})
        except (TimeoutError, ClientDisconnect):
            late = "the file did not come in time, or came anew\n"
            answer = PlainTextResponse(late, HTTPStatus.REQUEST_TIMEOUT, {"Connection": "close"})
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in _METHODS:
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "PUT or POST a file", Allow="PUT, POST")
        path: str = request.scope["path"]  # as decoded: a name may hold a "?" or "#"
        upload_id, _, name = path.removeprefix(PREFIX).partition("/")
        row = await self._authenticate(request, upload_id)
        file = file_name(name, request.headers.get("content-disposition", ""), f"log-{row.request_id}")
        if file is None:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "this is no name for a file")
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._most:
            raise self._too_large()
        async with self._room(row):
            await self._receive(request, upload_id, file)
        return PlainTextResponse("received\n", HTTPStatus.CREATED)

    @asynccontextmanager
    async def _room(self, row: LogUpload) -> AsyncIterator[None]:
        """Hold one of the places for an upload. Who comes anew with it ends what came before, and has its place."""
        upload_id, station_id = row.upload_id, row.station_id
        older = self._at_work.get(upload_id)
        if older is None:
            of_station = sum(work.station_id == station_id for work in self._at_work.values())
            if self._free.locked() or of_station >= MOST_OF_STATION:
                raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "too many uploads at a time", Retry_After="60")
        elif not older.limit.expired():
            older.limit.reschedule(asyncio.get_running_loop().time())
        async with asyncio.timeout(TIMEOUT_S) as limit:
            work = self._at_work[upload_id] = _Work(station_id, limit)
            try:
                async with self._free:
                    yield
            finally:
                if self._at_work.get(upload_id) is work:
                    del self._at_work[upload_id]

    async def _authenticate(self, request: Request, upload_id: str) -> LogUpload:
        given = basic(request.headers.get("authorization", ""))
        async with self._units.reading() as session:
            row = await upload_rows.find(session, upload_id)
        is_it = given is not None and given.user == upload_id
        if row is None or given is None or not is_it or not is_password(given.password, row.password_digest):
            raise self._wrong(request)
        if is_over(row.asked_at, utcnow()):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "it is too late for this upload")
        return row

    def _wrong(self, request: Request) -> _RefusedError:
        address = request.client.host if request.client else ""
        wait_s = self._guesses.failed(address, asyncio.get_running_loop().time())
        if wait_s:
            return _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong passwords", Retry_After=str(wait_s))
        challenge = 'Basic realm="log uploads"'
        return _RefusedError(HTTPStatus.UNAUTHORIZED, "these are not the credentials", WWW_Authenticate=challenge)

    async def _receive(self, request: Request, upload_id: str, name: str) -> None:
        async with self._units.open() as unit:
            attempt = await upload_rows.begin(unit.session, upload_id)
        if attempt is None:
            raise _RefusedError(HTTPStatus.CONFLICT, "this log was received before")
        try:
            size, digest = await self._store(request, attempt)
            async with self._units.open() as unit:
                file = {"name": name, "size": size, "sha256": digest, "received_at": unit.now}
                received = await upload_rows.finish(unit.session, attempt, **file)
            if not received:
                raise _begun_anew()  # noqa: TRY301 dropped as whatever else fails
        except BaseException:
            await asyncio.shield(self._drop(attempt))
            raise
        _log.info("log received", upload_id=upload_id, size=size)

    async def _store(self, request: Request, attempt: Attempt) -> tuple[int, str]:
        """Store the body; return its size and SHA-256. Raises _RefusedError when it is too large, or comes anew."""
        size, digest, number = 0, sha256(), 0
        async for piece in _pieces(request, self._idle_s):
            size += len(piece)
            if size > self._most:
                raise self._too_large()
            digest.update(piece)
            async with self._units.open() as unit:
                if not await upload_rows.add_piece(unit.session, attempt, number, piece):
                    raise _begun_anew()
            number += 1
        return size, digest.hexdigest()

    async def _drop(self, attempt: Attempt) -> None:
        async with self._units.open() as unit:
            await upload_rows.drop(unit.session, attempt)

    def _too_large(self) -> _RefusedError:
        return _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a file may have {self._most} bytes")


def _begun_anew() -> _RefusedError:
    return _RefusedError(HTTPStatus.CONFLICT, "this upload began anew, or is gone")


async def _pieces(request: Request, idle_s: float) -> AsyncIterator[bytes]:
    """Yield the body in pieces of PIECE_BYTES. Raises TimeoutError when no byte comes for `idle_s` seconds."""
    held, body = bytearray(), request.stream()
    while True:
        async with asyncio.timeout(idle_s):
            some = await anext(body, None)
        if some is None:
            break
        held += some
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
    if held:
        yield bytes(held)
