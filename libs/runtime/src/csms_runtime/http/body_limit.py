"""Limits on request bodies, answered as a problem like every other error."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Largest request body: more than the largest OCPP message a station takes."""


_BODY_TIMEOUT_S = 60.0
"""How long a request's body may take to arrive."""


class BodyLimitMiddleware:
    """Makes reading a request's body raise HTTPException 413 once it has more than `most` bytes, 408 if it is slow."""

    def __init__(self, app: ASGIApp, most: int, timeout_s: float = _BODY_TIMEOUT_S) -> None:
        self._app = app
        self._most = most
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; a body announced as too large is not read at all."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        allowed = self._most if not announced.isdecimal() or int(announced) <= self._most else 0
        await self._app(scope, _limited(receive, allowed, self._timeout_s), send)


def _limited(receive: Receive, allowed: int, timeout_s: float) -> Receive:
    left, complete = allowed, False
    deadline = asyncio.get_running_loop().time() + timeout_s

    async def limited() -> Message:
        nonlocal left, complete
        try:
            async with asyncio.timeout_at(None if complete else deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408) from None
        complete = complete or not message.get("more_body", False)
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return limited
