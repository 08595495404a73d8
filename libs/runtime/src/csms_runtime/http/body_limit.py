"""A limit on request bodies, answered as a problem like every other error."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Largest request body: more than the largest OCPP message a station takes."""


class BodyLimitMiddleware:
    """Makes reading a request's body raise HTTPException 413 once it has more than `most` bytes."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; a body announced as too large is not read at all."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        allowed = self._most if not announced.isdecimal() or int(announced) <= self._most else 0
        await self._app(scope, _limited(receive, allowed), send)


def _limited(receive: Receive, allowed: int) -> Receive:
    left = allowed

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return limited
