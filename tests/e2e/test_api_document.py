"""The HTTP API keeps to its document, whatever it is sent, and lets nobody do what they may not."""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from csms_testing.oidc import AUDIENCE, issuing
from csms_testing.simulator import Station
from csms_testing.systems import System, standalone

DEADLINE_S = 280
"""Half a minute on a machine that has nothing else to do."""
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(DEADLINE_S + 20)]

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance"
)
CONFIGURATION = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503, 504]

[[operations]]
include-path = "/api/v1/events/stream"  # it does not end
enabled = false
"""
EXISTING = """
[parameters]
"path.station_id" = "CS-API"
"path.type" = "ISO14443"
"path.id_token" = "API"

[[operations]]
include-path-regex = "/transactions/"
[operations.parameters]
"path.id" = "{transaction}"

[[operations]]
include-path-regex = "/api-keys/"
[operations.parameters]
"path.id" = "{key}"
"""

KEYS: dict[str, str] = {}
"""Of the scopes below admin, and a token of somebody who has none."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def documented(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A system with a station that was there and charged, and is not connected any more."""
    async with (
        issuing() as issuer,
        standalone(
            tmp_path_factory.mktemp("documented"), CSMS_OIDC_ISSUER=issuer.url, CSMS_OIDC_AUDIENCE=AUDIENCE
        ) as system,
        system.client() as api,
    ):
        (await api.put("/id-tokens/ISO14443/API", json={"status": "Accepted"})).raise_for_status()
        async with Station(system.ocpp_urls[0], "CS-API") as station:
            await station.wait_accepted()
            await station.charge(1, "API", energy_wh=100, meter_interval_s=0)
        for scope in ("read", "operate"):
            made = await api.post("/api-keys", json={"name": scope, "scopes": [scope]})
            KEYS[scope] = made.raise_for_status().json()["key"]
        KEYS["none"] = issuer.token("openid profile", exp=int(time.time()) + 3600)
        yield system


async def schemathesis(system: System, directory: Path, configuration: str, *arguments: str) -> None:
    """Run it in a process of its own; fails with what it found."""
    file = directory / "schemathesis.toml"
    file.write_text(CONFIGURATION + configuration)
    command = ["-m", "schemathesis.cli", "--config-file", str(file), "run", f"{system.http_url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {system.api_key}", "--checks", CHECKS, "--seed", "1"]
    # One worker: Python 3.11 cannot parse source in two threads at once (cpython 106905), and Hypothesis does.
    command += ["--workers", "1", "--continue-on-failure", "--no-color", "--generation-database", "none", *arguments]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=directory,
        env={**os.environ, "COLUMNS": "160"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode()
    assert process.returncode == 0, text[-10_000:]
    assert re.search(r"Tested: ([5-9]\d|\d{3})", text), text[-2000:]


async def test_any_request_is_answered_as_documented(documented: System, tmp_path: Path) -> None:
    await schemathesis(documented, tmp_path, "", "--phases", "coverage")


async def test_any_request_about_what_exists_is_answered_as_documented(documented: System, tmp_path: Path) -> None:
    async with documented.client() as api:
        (transaction,) = (await api.get("/transactions")).json()["items"]
        key = (await api.post("/api-keys", json={"name": "revoked some time", "scopes": ["read"]})).json()
    existing = EXISTING.format(transaction=transaction["id"], key=key["id"])
    await schemathesis(documented, tmp_path, existing, "--phases", "fuzzing", "--max-examples", "6")


async def operations(system: System, client: httpx2.AsyncClient) -> list[tuple[str, str]]:
    """Method and path of everything the document names, with something in place of the parameters."""
    paths: dict[str, dict[str, Any]] = (await client.get(f"{system.http_url}/openapi.json")).json()["paths"]
    return [
        (method.upper(), system.http_url + re.sub(r"\{.*?\}", "CS-API", path))
        for path, methods in paths.items()
        for method in methods
    ]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer a.b.c", "Basic YTpi", "Bearer"])
async def test_without_a_key_everything_is_refused(documented: System, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with httpx2.AsyncClient(timeout=30) as client:
        everything = await operations(documented, client)
    for number, (method, url) in enumerate(everything):
        transport = httpx2.AsyncHTTPTransport(local_address=f"127.0.1.{number + 1}")  # who guesses often is slowed
        async with httpx2.AsyncClient(timeout=30, transport=transport) as client:
            for content in (b"{}", b"no json"):
                answer = await client.request(method, url, content=content, headers=headers)
                assert answer.status_code == 401, (method, url)
                assert answer.headers["content-type"] == "application/problem+json"


async def status(client: httpx2.AsyncClient, method: str, url: str) -> int:
    """The status alone: an event stream's body does not end."""
    async with client.stream(method, url, json={} if method != "GET" else None) as answer:
        return answer.status_code


ADMINS_ALONE = re.compile(r"/(api-keys|audit)(/|$)|/(dead-letters|set-aside-records)/")
OPERATORS_ALONE = re.compile(r"/log-files/[^/]+/content$")
"""What is read, but not by readers: a log may hold whatever the station wrote into it."""


async def test_readers_may_read_and_nothing_else(documented: System) -> None:
    headers = {"Authorization": f"Bearer {KEYS['read']}"}
    async with httpx2.AsyncClient(timeout=30, headers=headers) as client:
        answers = {
            (method, url): await status(client, method, url) for method, url in await operations(documented, client)
        }
    forbidden = {operation for operation, status in answers.items() if status == 403}
    hidden = {url for _, url in answers if ADMINS_ALONE.search(url) or OPERATORS_ALONE.search(url)}
    assert forbidden == {(method, url) for method, url in answers if method != "GET" or url in hidden}


async def test_no_operation_takes_a_query_parameter_that_it_does_not_have(documented: System) -> None:
    async with documented.client() as api:
        for method, url in await operations(documented, api):
            answer = await api.request(method, f"{url}?no_such=1", json={} if method != "GET" else None)
            assert answer.status_code == 422, (method, url)
            pointers = [(error["in"], error["pointer"]) for error in answer.json()["errors"]]
            assert pointers == [("query", "/no_such")], (method, url)


async def test_without_any_scope_everything_is_forbidden(documented: System) -> None:
    async with httpx2.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {KEYS['none']}"}) as client:
        for method, url in await operations(documented, client):
            answer = await client.request(method, url, json={} if method != "GET" else None)
            assert answer.status_code == 403, (method, url)


async def test_operators_make_no_keys_and_see_no_audit(documented: System) -> None:
    headers = {"Authorization": f"Bearer {KEYS['operate']}"}
    async with httpx2.AsyncClient(timeout=30, headers=headers) as client:
        for method, url in await operations(documented, client):
            if ADMINS_ALONE.search(url):
                assert (await client.request(method, url, json={"name": "x", "scopes": ["read"]})).status_code == 403


def unbounded(document: dict[str, Any], schema: dict[str, Any], path: str, seen: set[str]) -> list[str]:
    """Where a schema takes a list or a text of any length."""
    reference = schema.get("$ref")
    if reference is not None:
        name = reference.rpartition("/")[2]
        if name in seen:
            return []
        return unbounded(document, document["components"]["schemas"][name], name, seen | {name})
    inner = [(part, path) for key in ("anyOf", "oneOf", "allOf") for part in schema.get(key, [])]
    inner += [(part, f"{path}/{name}") for name, part in schema.get("properties", {}).items()]
    inner += [(part, f"{path}/*") for part in (schema.get("items"), schema.get("additionalProperties")) if part]
    found = [path] if schema.get("type") == "array" and "maxItems" not in schema else []
    if schema.get("type") == "string" and not {"maxLength", "enum", "const", "format"} & schema.keys():
        found.append(path)
    more = [unbounded(document, part, place, seen) for part, place in inner if isinstance(part, dict)]
    return found + [place for places in more for place in places]


async def test_lists_and_texts_in_bodies_have_lengths(documented: System) -> None:
    async with httpx2.AsyncClient(timeout=30) as client:
        document = (await client.get(f"{documented.http_url}/openapi.json")).json()
    bodies = [
        (content["schema"], f"{method} {path}")
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]
    assert len(bodies) > 10
    assert [place for schema, path in bodies for place in unbounded(document, schema, path, set())] == []
