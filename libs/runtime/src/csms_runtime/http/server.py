"""Serving an ASGI app inside our event loop: uvicorn without its signal handlers, stopped by an event."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from csms_runtime import open_files
from csms_runtime.http.connections import ConnectionLimits, Connections
from csms_runtime.starting import CannotStart

_log = structlog.get_logger(__name__)
_BACKLOG = 2048
_MAX_HEAD_BYTES = 32 * 1024
"""Of a request: line and headers, a JWT or a proxy's headers among them."""


class PortTakenError(CannotStart):
    """The address cannot be listened on: the port is in use, needs privileges, or the host is not ours."""

    def __init__(self, host: str, port: int, error: OSError, settings: str) -> None:
        """`settings` names those that say where to listen."""
        is_plain = error.errno is not None and not isinstance(error, socket.gaierror)
        why = os.strerror(error.errno or 0) if is_plain else error.strerror or str(error)
        super().__init__(f"cannot listen on {host}:{port}: {why} ({settings})")


async def serve(app: ASGIApp, host: str, port: int, stop: asyncio.Event, *, timeout_s: float = 25.0) -> None:
    """Serve until `stop` is set, then finish the requests in work, at most `timeout_s`. Raises PortTakenError."""
    async with listening(app, host, port, timeout_s=timeout_s):
        await stop.wait()


@asynccontextmanager
async def listening(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    timeout_s: float = 25.0,
    trusted_proxies: Iterable[object] = (),
    limits: ConnectionLimits | None = None,
    settings: str = "CSMS_HTTP_HOST, CSMS_HTTP_PORT",
) -> AsyncIterator[int]:
    """Serve while the context is open; yields the port (0 leaves it to the system). Raises PortTakenError.

    `trusted_proxies` are networks or addresses from which X-Forwarded-For says who calls; nobody else is believed.
    `limits` bound the connections; None: as many as the process's limit of open files leaves for them. `settings` names
    those that say where to listen, for the error.

    Connections are accepted from the moment the context is entered. Leaving it waits up to `timeout_s` for the requests
    in work, then cancels them.
    """
    listener = _bind(host, port, settings)
    bound_port: int = listener.getsockname()[1]
    connections = Connections(limits or ConnectionLimits(most=open_files.for_http(open_files.allowed())))
    server = _Server(_config(app, connections, timeout_s, [str(proxy) for proxy in trusted_proxies]))
    task = asyncio.create_task(server.serve([listener]), name=f"http-{bound_port}")
    _log.info("listening", host=host, port=bound_port)
    try:
        yield bound_port
    finally:
        server.should_exit = True
        connections.stop()
        await _ended(task)


async def _ended(task: "asyncio.Task[None]") -> None:
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        raise


class _Server(uvicorn.Server):
    """uvicorn's server that leaves signals to `csms_runtime.lifecycle`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _config(app: ASGIApp, connections: Connections, timeout_s: float, trusted_proxies: list[str]) -> uvicorn.Config:
    return uvicorn.Config(
        connections.told(app),
        http=cast("type[asyncio.Protocol]", connections.protocol),
        h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="none",
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        timeout_keep_alive=75,  # longer than an ingress keeps its connections, else it sends into a closing one
        timeout_graceful_shutdown=max(1, int(timeout_s)),
    )


def _bind(host: str, port: int, settings: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise PortTakenError(host, port, error, settings) from error
    listener.setblocking(False)  # noqa: FBT003 the standard library's signature
    return listener
