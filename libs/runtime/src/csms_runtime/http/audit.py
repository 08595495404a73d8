"""Tells a sink of every request that may change something: who, when, what, with which outcome."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms_runtime.clock import now_ms
from csms_runtime.http.body_limit import MAX_BODY_BYTES
from csms_runtime.http.json_limits import has_too_much
from csms_runtime.http.keys import Principal
from csms_runtime.http.requests import route_of

MAX_KEPT_BYTES = 64 * 1024
"""Of a larger body, as it is without secrets and white space, the beginning is kept."""
_BEGINNING = 16 * 1024
_MAX_PATH = 2000
_MAX_METHOD = 16
_MAX_ADDRESS = 100
_KEY_CODE_PATH = re.compile(r"(/id-tokens/keycode/).+", re.IGNORECASE | re.DOTALL)
"""The one path with a secret in it (C04.FR.04)."""
_MASK = "***"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class AuditedRequest:
    """A request, without secrets."""

    occurred_at_ms: int
    """When it came: Unix time in milliseconds."""
    principal: str
    """Empty: it was refused, nobody knows whose it was."""
    authentication: str
    """"api-key", "jwt", or empty."""
    remote_address: str
    method: str
    path: str
    route: str
    """The template of the path, or "unmatched"."""
    status: int
    """0: the caller went away before there was an answer."""
    request_id: str
    body: bytes
    """As JSON, of a large one the beginning; empty: there was none, it was no JSON, or it was not read."""


AuditSink = Callable[[AuditedRequest], None]
"""Must not block and not raise."""
Redact = Callable[[object], object]
"""Returns a copy of a request's parsed body without secrets."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Who is told of requests, and how they lose their secrets before."""

    sink: AuditSink
    redact: Redact


class AuditMiddleware:
    """Tells the audit's sink of each request below `prefix` that is no GET, after it was answered.

    Stands inside of RequestMiddleware, and outside of BearerMiddleware, so that refused ones are told too.
    """

    def __init__(self, app: ASGIApp, audit: Audit, prefix: str) -> None:
        self._app = app
        self._audit = audit
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] == "GET" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        occurred_at_ms = now_ms()
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception:
            exchange.status = exchange.status or 500  # which RequestMiddleware answers
            raise
        finally:
            self._audit.sink(self._told(scope, exchange, occurred_at_ms))

    def _told(self, scope: Scope, exchange: "_Exchange", occurred_at_ms: int) -> AuditedRequest:
        principal: Principal | None = scope.get("csms.principal")
        client = scope.get("client")
        return AuditedRequest(
            occurred_at_ms=occurred_at_ms,
            principal=principal.name if principal else "",
            authentication=principal.authentication if principal else "",
            remote_address=_printable(str(client[0]))[:_MAX_ADDRESS] if client else "",
            method=_printable(scope["method"])[:_MAX_METHOD],
            path=redacted_path(scope["path"]),
            route=route_of(scope, self._prefix.rstrip("/")),
            status=exchange.status,
            request_id=scope.get("csms.request_id", ""),
            body=redacted_body(exchange.body, self._audit.redact) if principal else b"",
        )


class _Exchange:
    """One request as it is read and answered."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._chunks: list[bytes] = []
        self._size = 0
        self._complete = False
        self.status = 0

    @property
    def body(self) -> bytes:
        """The body, when all of it was read. One beyond the limit never is."""
        return b"".join(self._chunks) if self._complete and self._size <= MAX_BODY_BYTES else b""

    async def receive(self) -> Message:
        """Receive, keeping what is read."""
        message = await self._receive()
        if message["type"] == "http.request":
            chunk = message.get("body", b"")
            self._size += len(chunk)
            if self._size <= MAX_BODY_BYTES:
                self._chunks.append(chunk)
            else:
                self._chunks.clear()
            self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send on, noting the status."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def redacted_path(path: str) -> str:
    """Return a path as it may be kept."""
    return _printable(_KEY_CODE_PATH.sub(rf"\g<1>{_MASK}", path))[:_MAX_PATH]


def redacted_body(body: bytes, redact: Redact) -> bytes:
    """Return a request's body as JSON without secrets; empty when it is no JSON, or was refused for all it holds.

    Of a large one: {"beginning", "length", "sha256"} of that JSON.
    """
    if not body.strip() or has_too_much(body):
        return b""
    try:
        kept = orjson.dumps(redact(orjson.loads(body)))
    except (ValueError, TypeError, RecursionError):
        return b""
    return kept if len(kept) <= MAX_KEPT_BYTES else _cut(kept)


def _cut(kept: bytes) -> bytes:
    beginning = kept[:_BEGINNING].decode(errors="ignore")  # it may end within a character
    # The digest is of what is kept, not of what was sent: nobody can try secrets on it.
    return orjson.dumps({"beginning": beginning, "length": len(kept), "sha256": hashlib.sha256(kept).hexdigest()})


def _printable(text: str) -> str:
    """PostgreSQL cannot store a NUL, a log cannot show other control characters."""
    return _UNPRINTABLE.sub("�", text)
