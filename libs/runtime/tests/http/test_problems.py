"""Every error is a problem object and tells no secrets."""

from typing import Any

import httpx2
import pytest
import structlog

SECRET = "s3cret-s3cret"


def problem(response: httpx2.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["instance"] == f"urn:csms:request:{response.headers['x-request-id']}"
    assert {"type", "title"} <= body.keys()
    assert SECRET not in response.text
    return body


async def test_a_handlers_problem(admin: httpx2.AsyncClient) -> None:
    response = await admin.get("/api/v1/things/taken/fails")
    body = problem(response)
    assert response.status_code == 409
    assert body["type"] == "urn:csms:problem:name-taken"
    assert (body["title"], body["detail"], body["holder"]) == ("Name taken", "taken is taken", "CS1")
    assert response.headers["x-holder"] == "CS1"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name"]),
        ({"name": "x" * 11, "sizes": [1, "z"]}, ["/name", "/sizes/1"]),
        ({"name": "x", "password": SECRET}, ["/password"]),
        ({"name": "x", SECRET: 1}, [f"/{SECRET}"]),
        ([SECRET], [""]),
        (None, [""]),
    ],
)
async def test_invalid_body(admin: httpx2.AsyncClient, body: Any, pointers: list[str]) -> None:
    response = await admin.post("/api/v1/things", json=body)
    assert response.status_code == 422
    errors = response.json()["errors"]
    assert [error["pointer"] for error in errors] == pointers
    assert all(error["in"] == "body" and error["detail"] for error in errors)
    if SECRET not in "".join(pointers):
        problem(response)


async def test_body_that_is_no_json(admin: httpx2.AsyncClient) -> None:
    response = await admin.post(
        "/api/v1/things", content=f'{{"password": "{SECRET}', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    assert problem(response)["errors"][0]["detail"] == "not JSON at character 13"


@pytest.mark.parametrize("announced", [True, False])
async def test_body_too_large(admin: httpx2.AsyncClient, announced: bool) -> None:  # noqa: FBT001 a parameter
    content = b"x" * (4 * 1024 * 1024 + 1)

    async def chunks() -> Any:
        yield content

    response = await admin.post(
        "/api/v1/things",
        content=content if announced else chunks(),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 413
    problem(response)


async def test_unknown_path(admin: httpx2.AsyncClient) -> None:
    response = await admin.get("/api/v1/nothing")
    assert response.status_code == 404
    assert problem(response)["type"] == "about:blank"


async def test_wrong_method(admin: httpx2.AsyncClient) -> None:
    response = await admin.delete("/api/v1/things")
    assert response.status_code == 405
    problem(response)
    assert "GET" in response.headers["allow"] or "POST" in response.headers["allow"]


async def test_what_no_message_can_hold_is_413(admin: httpx2.AsyncClient) -> None:
    response = await admin.get("/api/v1/things/large/fails")
    assert (response.status_code, response.json()["title"]) == (413, "Message too large")
    assert "s3cret" not in response.text


async def test_what_is_away_is_503(admin: httpx2.AsyncClient) -> None:
    response = await admin.get("/api/v1/things/away/fails")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert "s3cret" not in response.text
    problem(response)


async def test_a_bug_is_500_and_logged_under_its_id(admin: httpx2.AsyncClient) -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        response = await admin.get("/api/v1/things/bug/fails")
    assert response.status_code == 500
    assert "s3cret" not in response.text
    body = problem(response)
    failed = next(entry for entry in logs if entry["event"] == "request failed")
    assert body["instance"].endswith(failed["request_id"])
    assert failed["exc_info"]
    assert failed["route"] == "/api/v1/things/{name}/fails"
