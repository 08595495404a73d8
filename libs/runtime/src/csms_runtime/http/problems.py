"""Errors as problem+json (RFC 9457). Nothing of the request's body, headers or query is ever echoed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_jsonable_python
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 50
"""So many violations of a request are named."""
RETRY_AFTER_S = 2
"""What a 503 tells the client to wait, in seconds."""

NOTHING_DONE = "csms.nothing_done"
"""In the scope: what `csms_runtime.http.idempotency` wants to be called when a request did nothing."""

_log = structlog.get_logger(__name__)


class FieldError(NamedTuple):
    """What is wrong with one field of a request: every item of a problem's `errors` has this form."""

    pointer: str
    """JSON pointer (RFC 6901) to the field, also to one that is missing or unknown; "" is the whole."""
    detail: str
    """What is wrong, never the field's value."""
    place: str = "body"
    """body, query, path or header; `in` in the answer."""

    def shown(self) -> dict[str, str]:
        """Return the item as it is answered."""
        return {"in": self.place, "pointer": self.pointer, "detail": self.detail}


class Problem(Exception):  # noqa: N818 the RFC's name
    """An error answer. Raise it in any handler or dependency; `extra` become members of the problem object.

    `title` names the kind of problem and makes its `type`; `detail` is about this occurrence. Neither holds secrets.
    `errors` are the fields that are wrong; none: the answer has no such member. `nothing_done`: the same request may
    be sent again with the same Idempotency-Key; of 4xx and 503 that goes without saying.
    """

    def __init__(
        self,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Iterable[FieldError] = (),
        nothing_done: bool = False,
        **extra: Any,  # noqa: ANN401 any JSON value
    ) -> None:
        super().__init__(detail or title or str(status))
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers
        self.errors = list(errors)
        self.nothing_done = nothing_done
        self.extra = extra

    def body(self, instance: str) -> dict[str, Any]:
        """Return the problem object. `instance` names the occurrence."""
        phrase = HTTPStatus(self.status).phrase
        kind = "about:blank" if self.title in {None, phrase} else f"urn:csms:problem:{_slug(str(self.title))}"
        fixed = {"type": kind, "title": self.title or phrase, "status": self.status, "instance": instance}
        errors = {"errors": [error.shown() for error in self.errors]} if self.errors else {}
        return {**self.extra, **fixed, **({"detail": self.detail} if self.detail else {}), **errors}


class UnfitBody(HTTPException):
    """422 for a body that no model gets to see; `errors` are members as of any invalid request.

    Raised while the framework reads the body, where it lets no other exception through.
    """

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(422, detail)
        self.errors = [FieldError(pointer, detail)]


class ProblemResponse(JSONResponse):
    """A problem object as a response."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, instance: str) -> None:
        super().__init__(to_jsonable_python(problem.body(instance)), problem.status, problem.headers)


def instance_of(request_id: str) -> str:
    """Return the `instance` of a request's problem; the id is in the log and in the X-Request-Id header too."""
    return f"urn:csms:request:{request_id}"


async def on_problem(request: Request, error: Exception) -> ProblemResponse:
    """Answer a Problem."""
    problem = error if isinstance(error, Problem) else Problem(500)
    if problem.nothing_done and NOTHING_DONE in request.scope:
        request.scope[NOTHING_DONE]()
    return _respond(request, problem)


async def on_http_exception(request: Request, error: Exception) -> ProblemResponse:
    """Answer what the framework raises: unknown paths, methods, bodies that are too large."""
    if not isinstance(error, HTTPException):
        return _respond(request, Problem(500))
    if isinstance(error, UnfitBody):
        return _respond(request, invalid_request(error.errors))
    detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else None
    return _respond(request, Problem(error.status_code, detail=detail, headers=error.headers))


async def on_invalid_request(request: Request, error: Exception) -> ProblemResponse:
    """Answer a request that does not fit the API's model: 422 with a pointer to each field."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    shown = [_violation(item) for item in found[:MAX_ERRORS]]
    detail = "see errors" if len(found) <= MAX_ERRORS else f"see errors: the first {MAX_ERRORS} of {len(found)}"
    return _respond(request, invalid_request(shown, detail))


def invalid_request(errors: Iterable[FieldError], detail: str = "see errors") -> Problem:
    """Return the 422 for a request with these errors."""
    return Problem(422, "Invalid request", detail, errors=errors)


async def on_unavailable(request: Request, error: Exception) -> ProblemResponse:
    """Answer 503: something the service needs is away for the moment."""
    _log.warning("request failed, unavailable", error=type(error).__name__, exc_info=error)
    detail = "The service is temporarily unavailable, try again"
    return _respond(request, Problem(503, detail=detail, headers={"Retry-After": str(RETRY_AFTER_S)}))


async def on_too_large(request: Request, error: Exception) -> ProblemResponse:
    """Answer 413: what was asked makes a message that is larger than any may be."""
    _log.warning("request refused, too large", error=type(error).__name__)
    detail = "this makes a message larger than CSMS_MAX_MESSAGE_BYTES allows: it was not sent, and never can be"
    return _respond(request, Problem(413, "Message too large", detail))


def pointer(path: Sequence[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) of a path."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _respond(request: Request, problem: Problem) -> ProblemResponse:
    return ProblemResponse(problem, instance_of(request.scope.get("csms.request_id", "unknown")))


def _violation(error: Mapping[str, Any]) -> FieldError:
    place, *path = error.get("loc", ("body",))
    if error.get("type") == "json_invalid":
        return FieldError("", f"not JSON at character {path[0] if path else 0}")
    below = error["ctx"][BELOW] if error.get("type") == BELOW else ""
    return FieldError(pointer(path) + below, str(error.get("msg", "invalid")), str(place))


BELOW = "below"
"""The type of an error that names a field below the one it was found in; see `csms_runtime.http.fields.wrong`."""


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
