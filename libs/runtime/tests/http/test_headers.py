"""What every answer says to browsers, and where nobody is sent."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from csms_runtime.http.docs import docs_router
from fastapi import FastAPI

CLIENT = Callable[[str], httpx2.AsyncClient]


@pytest.mark.parametrize(
    "path", ["/api/v1/things", "/api/v1/nothing", "/healthz", "/openapi.json", "/metrics", "/docs"]
)
async def test_answers_are_no_pages_to_embed_or_to_guess_at(client_as: CLIENT, path: str) -> None:
    async with client_as("read-key") as client:
        headers = (await client.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_the_documentation_runs_its_own_script_and_no_other(client_as: CLIENT) -> None:
    async with client_as("read-key") as client:
        answer = await client.get("/docs")
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'self' 'sha256-{digest}'"]
    assert "unsafe" not in policy


async def test_all_of_the_documentation_comes_from_here(client_as: CLIENT) -> None:
    async with client_as("read-key") as client:
        answer = await client.get("/docs")
        urls = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
        assert sorted(urls) == ["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "data:,"]
        assert not re.findall(r"https?:", answer.text + answer.headers["Content-Security-Policy"])
        script, style = [await client.get(url) for url in sorted(urls)[:2]]
    assert (script.status_code, style.status_code) == (200, 200)
    assert "SwaggerUIBundle" in script.text
    assert (script.headers["Content-Type"], style.headers["Content-Type"]) == (
        "text/javascript; charset=utf-8",
        "text/css; charset=utf-8",
    )


@pytest.mark.parametrize("path", ["/api/v1/things/", "/healthz/", "/docs/", "/api/v1/things//", "//evil.example/"])
async def test_nobody_is_sent_where_the_host_header_says(client_as: CLIENT, path: str) -> None:
    async with client_as("read-key") as client:
        answer = await client.get(f"http://csms{path}", headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "Location" not in answer.headers


async def test_the_document_is_made_once_however_often_anybody_asks_for_it() -> None:
    made: list[int] = []

    def document() -> dict[str, Any]:
        made.append(1)
        return {"openapi": "3.1.0"}

    app = FastAPI(openapi_url=None, docs_url=None)
    app.include_router(docs_router("Things", document))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://csms") as client:
        answers = [await client.get("/openapi.json") for _ in range(3)]
    assert [answer.json() for answer in answers] == [{"openapi": "3.1.0"}] * 3
    assert len(made) == 1
