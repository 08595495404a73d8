"""The API's document: `/openapi.json`, and `/docs` for people, by Swagger UI. All of it comes from this process."""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import orjson
from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def docs_router(title: str, document: Callable[[], dict[str, Any]]) -> APIRouter:
    """Return the routes; they are not in the document, which is made and written once: anybody may ask for it."""
    router = APIRouter(include_in_schema=False)
    written = cache(lambda: orjson.dumps(document()))
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=title,
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    page.headers["Content-Security-Policy"] = _policy(bytes(page.body))

    @router.get("/openapi.json")
    async def openapi() -> Response:
        return Response(written(), media_type="application/json")

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return page

    @router.get("/docs/swagger-ui-bundle.js")
    async def script() -> FileResponse:
        return _file("swagger-ui-bundle.js")

    @router.get("/docs/swagger-ui.css")
    async def style() -> FileResponse:
        return _file("swagger-ui.css")

    return router


def _file(name: str) -> FileResponse:
    path = resources.files("fastapi_swagger") / "resources" / name
    return FileResponse(str(path), headers={"Cache-Control": "max-age=86400"})


def _policy(page: bytes) -> str:
    """Allow Swagger UI's two files, the page's own script by its digest, and requests to this API."""
    scripts = " ".join(_digest(script) for script in _INLINE_SCRIPT.findall(page))
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _digest(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
