"""What every request must be: texts that can be stored, and JSON that everybody reads alike, also the audit log.

The one place where this is checked for an API; models and handlers need not.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

import orjson
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms_runtime.http.json_limits import MAX_DEPTH, MAX_NAMES, MAX_STRUCTURE, has_too_much, is_deep, is_wide
from csms_runtime.http.problems import FieldError, ProblemResponse, UnfitBody, instance_of, invalid_request, pointer
from csms_runtime.texts import is_storable

_UNSTORABLE = "holds a character that cannot be stored: NUL, or half of a surrogate pair"
_TOO_LONG = "an integer of more than 64 bits"
_SUSPICIOUS = re.compile(rb"\\u0000|\d{19}")
_INT64 = 2**63

_Path = tuple[str | int, ...]


class JsonBodyMiddleware:
    """Refuses requests that cannot be stored or are read differently by others.

    422 for a NUL in the path or the query. Reading a body raises HTTPException: 413 for too many values; 422 for what
    the framework takes and strict readers (RFC 8259) do not, which is UTF-16, UTF-32, a byte order mark, NaN and
    Infinity, and for deep nesting and very many names; 422 with a pointer for a NUL, half of a surrogate pair, or an
    integer beyond 64 bits. What is no JSON at all passes: the framework says at which character. Stands inside of
    BodyLimitMiddleware: the whole body is kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        errors = list(_unfit_address(scope))
        if errors:
            answer = ProblemResponse(invalid_request(errors), instance_of(scope.get("csms.request_id", "unknown")))
            await answer(scope, receive, send)
            return
        await self._app(scope, _strict(receive), send)


def _unfit_address(scope: Scope) -> Iterator[FieldError]:
    if not is_storable(scope["path"]):
        yield FieldError("", _UNSTORABLE, "path")
    query: bytes = scope["query_string"]
    if b"%00" in query:
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            if not is_storable(name + value):
                yield FieldError(pointer([name.replace("\0", "")]), _UNSTORABLE, "query")


def _strict(receive: Receive) -> Receive:
    chunks: list[bytes] = []

    async def strict() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                body = b"".join(chunks)
                chunks.clear()
                _check(body)
        return message

    return strict


def _check(body: bytes) -> None:
    if not body.strip():
        return
    if has_too_much(body):
        raise HTTPException(413, f"The body has more than {MAX_STRUCTURE} brackets, commas and colons")
    try:
        value = orjson.loads(body)
    except ValueError:
        readable, value = _as_taken(body)
        if readable:
            _refuse_unfit(value)
            raise HTTPException(422, "The body is not JSON in UTF-8 as RFC 8259 has it") from None
        return
    if is_deep(value):
        raise HTTPException(422, f"The body is nested deeper than {MAX_DEPTH} levels")
    if len(body) > MAX_NAMES and is_wide(value):
        raise HTTPException(422, f"An object in the body has more than {MAX_NAMES} names")
    if _SUSPICIOUS.search(body):
        _refuse_unfit(_as_taken(body)[1])


def _as_taken(body: bytes) -> tuple[bool, object]:
    """Whether the framework reads it, and what it reads."""
    try:
        return True, json.loads(body)
    except (ValueError, RecursionError):
        return False, None


def _refuse_unfit(body: object) -> None:
    waiting: list[tuple[_Path, object]] = [((), body)]
    while waiting:
        path, value = waiting.pop()
        match value:
            case str() if not is_storable(value):
                raise UnfitBody(pointer(path), _UNSTORABLE)
            case int() if not -_INT64 <= value < _INT64:
                raise UnfitBody(pointer(path), _TOO_LONG)
            case list():
                waiting += (((*path, number), item) for number, item in enumerate(value))
            case dict():
                if not all(map(is_storable, value)):
                    raise UnfitBody(pointer(path), f"a name {_UNSTORABLE}")
                waiting += (((*path, name), item) for name, item in value.items())
