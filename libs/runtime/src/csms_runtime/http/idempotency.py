"""Idempotency-Key: what a POST does, it does once, however often its caller repeats the request.

Most routes leave that to `once`: the answer to the first request is kept for a day, and a repeat gets it again. A route
that takes the header itself knows better what became of its work, as that of calls to stations does.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple, Protocol

import orjson
import structlog
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms_runtime.http.keys import Principal
from csms_runtime.http.problems import NOTHING_DONE, RETRY_AFTER_S, Problem
from csms_runtime.http.security import CurrentPrincipal

KEPT_DAYS = 1
"""How long an answer is given to repeats."""
MOST_KEPT_BYTES = 1024 * 1024
"""Of an answer's body; of a larger one only the status is kept."""
_KEPT_HEADERS = ("content-type", "location", "preference-applied")
_NOTHING_DONE = frozenset(range(400, 500)) | {501, 503}
"""Statuses of requests that did nothing: a repeat with the same key is tried anew."""
_BEGUN = "csms.idempotency"

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="A repeat of the request with the same key does nothing more. The key counts for its caller and "
        "this path",
    ),
]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    """None: it is not kept, since it may be shown only once, or is too large."""


class Earlier(NamedTuple):
    """An earlier request with the same key."""

    is_same: bool
    """Whether it asked for the same."""
    answer: Answer | None
    """None: it has no answer yet, or its process ended before it had one."""


class Answers(Protocol):
    """Where a service keeps the answers; each method raises what means 503 when it cannot."""

    async def begin(self, name: str, request: bytes) -> Earlier | None:
        """Note that a request is begun; None: it is the first. `name` stands for caller, path and key."""
        ...

    async def keep(self, name: str, answer: Answer) -> None:
        """Note how it was answered."""
        ...

    async def forget(self, name: str) -> None:
        """Forget a request that did nothing."""
        ...


def per_caller(principal: Principal, *parts: str) -> str:
    """Return 64 characters that stand for these parts, of this caller alone."""
    named = orjson.dumps([principal.authentication, principal.name, *parts])
    return hashlib.sha256(named).hexdigest()


def once(routers: Iterable[APIRouter], answers: Answers) -> Sequence[APIRouter]:
    """Have all POST routes of the routers heed Idempotency-Key, but those that take the header themselves."""
    found = list(routers)
    for router in found:
        for route in router.routes:
            if isinstance(route, APIRoute) and "POST" in (route.methods or ()) and not _takes_header(route.dependant):
                route.dependencies.append(Depends(_Once(answers)))  # behind those that check the caller
    return found


def _takes_header(dependant: Dependant) -> bool:
    return any(field.alias == "idempotency-key" for field in dependant.header_params) or any(
        map(_takes_header, dependant.dependencies)
    )


class Repeated(Exception):  # noqa: N818 what is the case
    """The request repeats one that has an answer."""

    def __init__(self, answer: Answer, body: bytes) -> None:
        super().__init__()
        self.answer = answer
        self.body = body


async def on_repeated(_request: Request, error: Exception) -> Response:
    """Answer a repeat as the first request was."""
    if not isinstance(error, Repeated):
        raise TypeError
    headers = {**error.answer.headers, "Idempotent-Replayed": "true"}
    return Response(error.body, error.answer.status, headers)


class _Once:
    """The dependency of a POST route. Raises Repeated; Problem 409, 422."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def __call__(
        self, request: Request, principal: CurrentPrincipal, idempotency_key: IdempotencyKey = None
    ) -> None:
        if idempotency_key is None:
            return
        places = sorted(f"{name}={value}" for name, value in request.path_params.items())
        name = per_caller(principal, idempotency_key, request.scope["route"].path, *places)
        earlier = await self._answers.begin(name, request.scope["query_string"] + b"\n" + await request.body())
        if earlier is None:
            begun: _Begun = request.scope[_BEGUN]
            begun.answers, begun.name = self._answers, name
        elif not earlier.is_same:
            raise Problem(422, "Idempotency-Key reused", "The Idempotency-Key was used with another request")
        else:
            raise _repeated(earlier.answer)


def _repeated(answer: Answer | None) -> Exception:
    if answer is None:
        detail = (
            "The first request with this Idempotency-Key has no answer yet. If it never gets one, the process ended: "
            "look what became of it before you send it with another key"
        )
        return Problem(409, "No answer yet", detail, headers={"Retry-After": str(RETRY_AFTER_S)})
    if answer.body is None:
        detail = f"It was answered with {answer.status}; that answer is not given twice"
        return Problem(409, "Answered already", detail, headers=_where(answer))
    return Repeated(answer, answer.body)


def _where(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name == "location"}


@dataclass(slots=True)
class _Begun:
    """A request whose answer is to be kept, once `_Once` has said so."""

    answers: Answers | None = None
    name: str = ""
    nothing_done: bool = False

    def did_nothing(self) -> None:
        """The request may be sent again."""
        self.nothing_done = True


class IdempotencyMiddleware:
    """Keeps the answers to the requests that `once` has begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        begun = scope[_BEGUN] = _Begun()
        scope[NOTHING_DONE] = begun.did_nothing
        await self._app(scope, receive, _Recorder(begun, send).send)


class _Recorder:
    """Keeps an answer before its last part goes out."""

    def __init__(self, begun: _Begun, send: Send) -> None:
        self._begun, self._send = begun, send
        self._status, self._headers, self._body = 0, Headers(), b""

    async def send(self, message: Message) -> None:
        if self._begun.answers is not None:
            await self._record(self._begun.answers, message)
        await self._send(message)

    async def _record(self, answers: Answers, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], Headers(raw=message["headers"])
        elif message["type"] == "http.response.body":
            if len(self._body) <= MOST_KEPT_BYTES:
                self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._settle(answers)

    async def _settle(self, answers: Answers) -> None:
        try:
            if self._begun.nothing_done or self._status in _NOTHING_DONE:
                await answers.forget(self._begun.name)
            else:
                await answers.keep(self._begun.name, self._answer())
        except Exception as error:  # noqa: BLE001 whatever it is, the caller gets the answer, and a repeat 409
            _log.warning("the answer to a request with an Idempotency-Key is not kept", exc_info=error)

    def _answer(self) -> Answer:
        kept = {name: self._headers[name] for name in _KEPT_HEADERS if name in self._headers}
        is_secret = "no-store" in self._headers.get("cache-control", "")
        return Answer(self._status, kept, None if is_secret or len(self._body) > MOST_KEPT_BYTES else self._body)
