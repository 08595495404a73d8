"""Receives logs over HTTP: PUT or POST below /api/v1/log-uploads/, with the credentials that GetLog named (N01)."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from http import HTTPStatus

import structlog
from csms_runtime.clock import utcnow
from csms_runtime.http.guesses import Guesses
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from csms_device_mgmt.log_uploads import upload_rows
from csms_device_mgmt.log_uploads.upload import basic, file_name, is_over, is_password
from csms_device_mgmt.log_uploads.upload_rows import Attempt
from csms_device_mgmt.unit import Units

PREFIX = "/api/v1/log-uploads/"
PIECE_BYTES = 256 * 1024
MOST_AT_A_TIME = 4
"""Uploads in work at a time; others are told to come again."""
TIMEOUT_S = 600.0
"""How long an upload may take."""
_METHODS = frozenset({"PUT", "POST"})

_log = structlog.get_logger(__name__)


class _RefusedError(Exception):
    """The upload is not taken; `headers` of the answer say more."""

    def __init__(self, status: HTTPStatus, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers


class LogReceiver:
    """An ASGI application. What it answers is for stations: a status and a line of text, never a redirect."""

    def __init__(self, units: Units, most_bytes: int, timeout_s: float = TIMEOUT_S) -> None:
        """`most_bytes` a file may have."""
        self._units = units
        self._most = most_bytes
        self._timeout_s = timeout_s
        self._free = asyncio.Semaphore(MOST_AT_A_TIME)
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
            answer = PlainTextResponse("the file did not come in time\n", HTTPStatus.REQUEST_TIMEOUT)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in _METHODS:
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "PUT or POST a file", Allow="PUT, POST")
        upload_id, _, name = request.url.path.removeprefix(PREFIX).partition("/")
        await self._authenticate(request, upload_id)
        file = file_name(name, request.headers.get("content-disposition", ""))
        if file is None:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "this is no name for a file")
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._most:
            raise self._too_large()
        if self._free.locked():
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "too many uploads at a time", Retry_After="60")
        async with self._free, asyncio.timeout(self._timeout_s):
            await self._receive(request, upload_id, file)
        return PlainTextResponse("received\n", HTTPStatus.CREATED)

    async def _authenticate(self, request: Request, upload_id: str) -> None:
        given = basic(request.headers.get("authorization", ""))
        async with self._units.reading() as session:
            row = await upload_rows.find(session, upload_id)
        is_it = given is not None and given.user == upload_id
        if row is None or given is None or not is_it or not is_password(given.password, row.password_digest):
            self._wrong(request)
            return
        if is_over(row.asked_at, utcnow()):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "it is too late for this upload")

    def _wrong(self, request: Request) -> None:
        address = request.client.host if request.client else ""
        wait_s = self._guesses.failed(address, asyncio.get_running_loop().time())
        if wait_s:
            raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong passwords", Retry_After=str(wait_s))
        challenge = 'Basic realm="log uploads"'
        raise _RefusedError(HTTPStatus.UNAUTHORIZED, "these are not the credentials", WWW_Authenticate=challenge)

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
        except BaseException:
            await asyncio.shield(self._drop(attempt))
            raise
        if not received:
            await self._drop(attempt)
            raise _RefusedError(HTTPStatus.CONFLICT, "this log was received otherwise")
        _log.info("log received", upload_id=upload_id, size=size)

    async def _store(self, request: Request, attempt: Attempt) -> tuple[int, str]:
        """Store the body; return its size and SHA-256. Raises _RefusedError when it is too large."""
        size, digest, number = 0, sha256(), 0
        async for piece in _pieces(request):
            size += len(piece)
            if size > self._most:
                raise self._too_large()
            digest.update(piece)
            async with self._units.open() as unit:
                await upload_rows.add_piece(unit.session, attempt, number, piece)
            number += 1
        return size, digest.hexdigest()

    async def _drop(self, attempt: Attempt) -> None:
        async with self._units.open() as unit:
            await upload_rows.drop(unit.session, attempt)

    def _too_large(self) -> _RefusedError:
        return _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a file may have {self._most} bytes")


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces of PIECE_BYTES."""
    held = bytearray()
    async for some in request.stream():
        held += some
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
    if held:
        yield bytes(held)
