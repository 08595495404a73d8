"""One HTTP address in front of the services, as the ingress is in Kubernetes: each path goes to its owner."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

ROUTES_FILE = Path(__file__).resolve().parents[5] / "deploy" / "helm" / "csms" / "http-routes.json"
"""Which service answers which path: the chart's Ingress and HTTPRoute are made from the same file."""
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"})


def _patterns(routes: Mapping[str, Any]) -> Iterator[tuple[re.Pattern[str], str]]:
    base = routes["base"]
    for service, paths in routes["services"].items():
        if paths["prefixes"]:
            yield re.compile(rf"^{base}/({'|'.join(paths['prefixes'])})(/|$)"), service
        if paths["of_station"]:
            yield re.compile(rf"^{base}/stations/[^/]+/({'|'.join(paths['of_station'])})$"), service
    yield re.compile(r"^/"), routes["default"]


ROUTES = tuple(_patterns(json.loads(ROUTES_FILE.read_text())))


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
            sent = client.build_request(
                request.method, f"{base_urls[owner(path)]}{path}{query}", headers=headers, content=await request.body()
            )
            answer = await client.send(sent, stream=True)
        except httpx2.TransportError as error:
            return PlainTextResponse(f"{owner(path)} cannot be reached: {error!r}\n", status_code=502)
        kept = {k: v for k, v in answer.headers.items() if k not in HOP_BY_HOP and k != "content-encoding"}
        return StreamingResponse(
            answer.aiter_bytes(), answer.status_code, kept, background=BackgroundTask(answer.aclose)
        )

    methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", forward, methods=methods)], lifespan=lifespan)
