"""What surrounds every HTTP request: an id, the trace in the log context, metrics, and an answer whatever happens."""

import time
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms_runtime import metrics, tracing
from csms_runtime.http.problems import Problem, ProblemResponse, instance_of
from csms_runtime.ids import is_traceparent, new_id, new_traceparent, trace_id
from csms_runtime.tracing import attributes

if TYPE_CHECKING:
    from csms_runtime.tracing.traces import Traces

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Nothing that is answered is a page with a life of its own; the one that is, /docs, has its own policy."""
_SERVER_ERROR = 500
_log = structlog.get_logger(__name__)


class RequestMiddleware:
    """The outermost middleware. The scope gets `csms.request_id`."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        if tracing.active is not None and scope["path"].startswith(self._prefix):
            await self._traced(tracing.active, exchange, scope, receive)
        else:
            await self._measured(exchange, scope, receive)

    async def _traced(self, traces: "Traces", exchange: "_Exchange", scope: Scope, receive: Receive) -> None:
        """Handle a request in a trace, if it is recorded: that of its traceparent, or a new one."""
        about = {attributes.METHOD: _method(scope), attributes.REQUEST_ID: exchange.request_id}
        span = traces.root(_method(scope), about, parent=exchange.offered)
        if span is None:
            await self._measured(exchange, scope, receive)
            return
        exchange.traceparent = tracing.traceparent(span)
        try:
            with traces.within(traces.scope([span])):
                await self._measured(exchange, scope, receive)
        finally:
            route = route_of(scope, self._prefix)
            span.update_name(f"{_method(scope)} {route}")
            span.set_attribute(attributes.ROUTE, route)
            # Of the path nothing else is told: it may hold an idToken.
            if station_id := scope.get("path_params", {}).get("station_id"):
                span.set_attribute(attributes.STATION_ID, station_id)
            span.set_attribute(attributes.STATUS, exchange.status or 0)
            if exchange.status is None or exchange.status >= _SERVER_ERROR:
                traces.fail(span, "no answer" if exchange.status is None else str(exchange.status))
            span.end()

    async def _measured(self, exchange: "_Exchange", scope: Scope, receive: Receive) -> None:
        started = time.perf_counter()
        try:
            with structlog.contextvars.bound_contextvars(
                request_id=exchange.request_id, trace_id=trace_id(exchange.traceparent)
            ):
                await self._answer(exchange, scope, receive)
        finally:
            self._measure(scope, exchange.status, time.perf_counter() - started)

    async def _answer(self, exchange: "_Exchange", scope: Scope, receive: Receive) -> None:
        try:
            await self._app(scope, receive, exchange.send)
        except Exception:
            _log.exception("request failed", method=scope["method"], route=route_of(scope, self._prefix))
            if exchange.status is not None:
                raise  # half an answer is out: the server cuts the connection
            problem = Problem(500, detail="An error that is not yours; the log has it under the instance's id")
            await ProblemResponse(problem, instance_of(exchange.request_id))(scope, receive, exchange.send)

    def _measure(self, scope: Scope, status: int | None, seconds: float) -> None:
        method = _method(scope)
        route = route_of(scope, self._prefix)
        metrics.HTTP_REQUESTS.labels(method, route, "none" if status is None else str(status)).inc()
        metrics.HTTP_REQUEST_SECONDS.labels(method, route).observe(seconds)


def _method(scope: Scope) -> str:
    return str(scope["method"]) if scope["method"] in _METHODS else "other"


def route_of(scope: Scope, prefix: str) -> str:
    """Return the template of a request's path, with the API's prefix, or "unmatched"; known once it was handled."""
    path = getattr(scope.get("route"), "path", None)
    if not isinstance(path, str) or not path:
        return "unmatched"
    # The framework leaves out the prefix a router was included with.
    prefixed = scope["path"].startswith(prefix) and not path.startswith(prefix)
    return prefix + path if prefixed else path


class _Exchange:
    """One request and what was answered so far."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.request_id = new_id()
        self.offered = Headers(scope=scope).get("traceparent", "")
        """The caller's traceparent, if it is one."""
        self.traceparent = self.offered if is_traceparent(self.offered) else new_traceparent()
        self.status: int | None = None
        self._send = send
        scope["csms.request_id"] = self.request_id

    async def send(self, message: Message) -> None:
        """Send on, with the request's id among the headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            for name, value in _SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
