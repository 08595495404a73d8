"""The app factory: what is the same for every service's HTTP API."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from csms_runtime.health import Health
from csms_runtime.http import documented, problems
from csms_runtime.http.audit import Audit, AuditMiddleware
from csms_runtime.http.beside import BesideMiddleware
from csms_runtime.http.body_limit import MAX_BODY_BYTES, BodyLimitMiddleware
from csms_runtime.http.docs import docs_router
from csms_runtime.http.harmless import HarmlessJsonMiddleware
from csms_runtime.http.idempotency import IdempotencyMiddleware, Repeated, on_repeated
from csms_runtime.http.json_body import JsonBodyMiddleware
from csms_runtime.http.keys import ApiKeys
from csms_runtime.http.management import management_router
from csms_runtime.http.problems import Problem
from csms_runtime.http.query import only_known
from csms_runtime.http.requests import RequestMiddleware
from csms_runtime.http.security import BearerMiddleware
from csms_runtime.http.tokens import Tokens

API_PREFIX = "/api/v1"


def create_app(
    title: str,
    *,
    routers: Sequence[APIRouter],
    keys: ApiKeys,
    health: Health,
    version: str,
    management: bool = False,
    unavailable: Iterable[type[Exception]] = (),
    too_large: Iterable[type[Exception]] = (),
    tokens: Tokens | None = None,
    audit: Audit | None = None,
    beside: Mapping[str, ASGIApp] | None = None,
) -> FastAPI:
    """Return an API: `routers` under /api/v1, only with a key. Standalone mode passes the routers of all services.

    `management` adds /healthz, /readyz and /metrics at the root, without a key (standalone mode). Errors of the
    types in `unavailable` (database or bus away) are answered 503 with Retry-After, those in `too_large` (what was
    asked is more than the bus carries) 413. `tokens` are taken beside `keys`; `audit` is told of every request that is
    no GET. `beside` are applications that answer instead of the API, by the beginning of their paths: nobody but they
    asks for a key, or limits what they read.
    """
    app = _bare_app(title, version, [management_router(health)] if management else [])
    for router in routers:
        app.include_router(router, prefix=API_PREFIX, responses=documented.ALL, dependencies=[Depends(only_known)])
    for error in unavailable:
        app.add_exception_handler(error, problems.on_unavailable)
    for error in too_large:
        app.add_exception_handler(error, problems.on_too_large)
    # The last one added is the outermost.
    app.add_middleware(IdempotencyMiddleware)
    app.add_middleware(JsonBodyMiddleware)
    app.add_middleware(BodyLimitMiddleware, most=MAX_BODY_BYTES)
    app.add_middleware(BearerMiddleware, keys=keys, tokens=tokens, prefix=f"{API_PREFIX}/")
    if audit is not None:
        app.add_middleware(AuditMiddleware, audit=audit, prefix=f"{API_PREFIX}/")
    app.add_middleware(HarmlessJsonMiddleware)
    if beside:
        app.add_middleware(BesideMiddleware, beside=beside)
    app.add_middleware(RequestMiddleware, prefix=API_PREFIX)
    return app


def create_management_app(health: Health, service: str | None = None) -> FastAPI:
    """Return the app of the management port: /healthz, /readyz and /metrics of a service; None: metrics of all."""
    app = _bare_app("management", "1", [management_router(health, service)], documented=False)
    app.add_middleware(RequestMiddleware, prefix=API_PREFIX)
    return app


class _App(FastAPI):
    """FastAPI whose document knows the problem object."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = documented.PROBLEM_SCHEMA
        return document


def _bare_app(title: str, version: str, public: Sequence[APIRouter], *, documented: bool = True) -> FastAPI:
    app = _App(
        title=title,
        version=version,
        openapi_url=None,  # FastAPI would write the document anew each time
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        # FastAPI's own would tell whole paths, bodies and exceptions: idTokens and passwords. Ours: RequestMiddleware.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        redirect_slashes=False,  # it would redirect to whatever the Host header names
    )
    if documented:
        app.include_router(docs_router(title, app.openapi))
    for router in public:
        app.include_router(router)
    app.add_exception_handler(Problem, problems.on_problem)
    app.add_exception_handler(Repeated, on_repeated)
    app.add_exception_handler(HTTPException, problems.on_http_exception)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    return app
