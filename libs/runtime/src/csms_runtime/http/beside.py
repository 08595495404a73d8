"""Applications beside an API, on the same port."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class BesideMiddleware:
    """Gives requests below some paths to applications of their own."""

    def __init__(self, app: ASGIApp, beside: Mapping[str, ASGIApp]) -> None:
        """`beside`: applications, by the beginning of their paths."""
        self._app = app
        self._beside = dict(beside)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        app = self._app
        if scope["type"] == "http":
            path: str = scope["path"]
            app = next((other for prefix, other in self._beside.items() if path.startswith(prefix)), app)
        await app(scope, receive, send)
