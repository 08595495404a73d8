"""Only JSON as RFC 8259 has it, so that everybody who looks at a body reads the same in it: also the audit log."""

import json

import orjson
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class JsonBodyMiddleware:
    """Makes reading a request's body raise HTTPException 422 for what the framework takes and strict readers do not.

    That is UTF-16, UTF-32, a byte order mark, NaN and Infinity, and halves of surrogate pairs. What is no JSON at all
    passes: the framework says at which character. Stands inside of BodyLimitMiddleware: the whole body is kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        await self._app(scope, _strict(receive) if scope["type"] == "http" else receive, send)


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
    try:
        orjson.loads(body)
    except ValueError:
        if _is_taken(body):
            raise HTTPException(422, "The body is not JSON in UTF-8 as RFC 8259 has it") from None


def _is_taken(body: bytes) -> bool:
    """Whether the framework reads it."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
