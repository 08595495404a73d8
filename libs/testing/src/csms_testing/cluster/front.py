"""One HTTP address in front of the services, as the ingress is in Kubernetes: each path goes to its owner."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

ROUTES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^/api/v1/id-tokens(/|$)"), "auth"),
    (re.compile(r"^/api/v1/(api-keys|audit)(/|$)"), "auth"),
    (re.compile(r"^/api/v1/(certificates|certificate-requests|certificate-bars|certificate-authority)(/|$)"), "auth"),
    (re.compile(r"^/api/v1/stations/[^/]+/credentials$"), "auth"),
    (re.compile(r"^/api/v1/transactions(/|$)"), "transactions"),
    (re.compile(r"^/api/v1/stations/[^/]+/(remote-start|meter-values)$"), "transactions"),
    (re.compile(r"^/api/v1/outboxes/auth(/|$)"), "auth"),
    (re.compile(r"^/api/v1/outboxes/transactions(/|$)"), "transactions"),
    (re.compile(r"^/api/v1/gateway(/|$)"), "gateway"),
    (re.compile(r"^/"), "device-mgmt"),
)
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"})


def owner(path: str) -> str:
    """The service that answers a (still percent-encoded) path."""
    return next(service for pattern, service in ROUTES if pattern.match(path))


def front(base_urls: Mapping[str, str]) -> Starlette:
    """An ASGI application that hands each request to its service; `base_urls` by service name."""
    client = httpx2.AsyncClient(timeout=httpx2.Timeout(700, connect=5), limits=httpx2.Limits(max_connections=2000))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    async def forward(request: Request) -> Response:
        raw_path: bytes = request.scope["raw_path"]
        path = raw_path.decode("ascii").partition("?")[0]
        if path in {"/healthz", "/readyz"}:
            return PlainTextResponse("ok\n")
        query = f"?{request.url.query}" if request.url.query else ""
        # As they came: a value may have any bytes.
        headers = [(name, value) for name, value in request.headers.raw if name.decode("latin-1") not in HOP_BY_HOP]
        try:
            answer = await client.request(
                request.method, f"{base_urls[owner(path)]}{path}{query}", headers=headers, content=await request.body()
            )
        except httpx2.TransportError as error:
            return PlainTextResponse(f"{owner(path)} cannot be reached: {error!r}\n", status_code=502)
        kept = {k: v for k, v in answer.headers.items() if k not in HOP_BY_HOP and k != "content-encoding"}
        return Response(answer.content, answer.status_code, kept)

    methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", forward, methods=methods)], lifespan=lifespan)
