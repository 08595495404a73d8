"""JSON answers whose texts do nothing to the terminal of whoever looks at them with curl."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms_runtime.texts import escaped_json


class HarmlessJsonMiddleware:
    """Escapes the control characters that JSON allows as they are: DEL, those of C1, and what turns text around.

    What it means stays the same. Answers that come in parts, and such as are no JSON, are left alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        await self._app(scope, receive, _escaping(send) if scope["type"] == "http" else send)


def _escaping(send: Send) -> Send:
    start: Message | None = None

    async def escaping(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start" and "json" in Headers(raw=message["headers"]).get(
            "content-type", ""
        ):
            start = message  # its length is not known yet
            return
        if start is not None:
            if not message.get("more_body", False):
                message = {**message, "body": _escaped(message.get("body", b""))}
                MutableHeaders(scope=start)["Content-Length"] = str(len(message["body"]))
            await send(start)
            start = None
        await send(message)

    return escaping


def _escaped(body: bytes) -> bytes:
    if body.isascii() and b"\x7f" not in body:  # nearly always
        return body
    return escaped_json(body.decode()).encode()
