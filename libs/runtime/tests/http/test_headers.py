"""What every answer says to browsers, and where nobody is sent."""

import base64
import hashlib
import re
from collections.abc import Callable

import httpx2
import pytest

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
    scripts = re.findall(r"script-src ([^;]*)", answer.headers["Content-Security-Policy"])
    assert scripts == [f"https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/ 'sha256-{digest}'"]
    for url in re.findall(r'(?:src|href)="(https:[^"]*)"', answer.text):
        assert url.startswith("https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/")


@pytest.mark.parametrize("path", ["/api/v1/things/", "/healthz/", "/docs/", "/api/v1/things//", "//evil.example/"])
async def test_nobody_is_sent_where_the_host_header_says(client_as: CLIENT, path: str) -> None:
    async with client_as("read-key") as client:
        answer = await client.get(f"http://csms{path}", headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "Location" not in answer.headers
