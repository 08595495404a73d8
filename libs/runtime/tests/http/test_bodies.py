"""Bodies that would cost much."""

import asyncio
from collections.abc import Callable

import httpx2
import pytest
from csms_runtime.http.body_limit import BodyLimitMiddleware
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

THINGS = "/api/v1/things"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("value", [b"1", b"{}", b"[]"])
async def test_too_many_values_are_refused_unparsed(
    client_as: Callable[[str], httpx2.AsyncClient], value: bytes
) -> None:
    body = b'{"name": "a", "sizes": [' + (value + b",") * 600_000 + b"1]}"
    async with client_as("admin-key") as client:
        assert (await client.post(THINGS, content=body, headers=JSON)).status_code == 413


@pytest.mark.parametrize("depth", [100, 900, 50_000])
async def test_what_is_nested_deeply_is_refused(client_as: Callable[[str], httpx2.AsyncClient], depth: int) -> None:
    async with client_as("admin-key") as client:
        answers = [
            await client.post(THINGS, content=body, headers=JSON)
            for body in (
                b'{"name": "a", "sizes": ' + b"[" * depth + b"]" * depth + b"}",
                b'{"a":' * depth + b"1" + b"}" * depth,
            )
        ]
    assert {answer.status_code for answer in answers} <= {400, 413, 422}


async def test_as_many_as_a_request_needs_pass(client_as: Callable[[str], httpx2.AsyncClient]) -> None:
    body = b'{"name": "a", "sizes": [' + b"1," * 90_000 + b"1]}"
    async with client_as("admin-key") as client:
        assert (await client.post(THINGS, content=body, headers=JSON)).status_code == 201


async def test_a_body_that_does_not_come_is_408() -> None:
    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    parts = [True, True, False]

    async def stalls() -> Message:
        if not parts.pop(0):
            await asyncio.sleep(60)
        return {"type": "http.request", "body": b"x", "more_body": True}

    limited = BodyLimitMiddleware(app, 1000, timeout_s=0.05)
    with pytest.raises(HTTPException) as error:
        await limited({"type": "http", "headers": []}, stalls, _no_send)
    assert error.value.status_code == 408


async def _no_send(_message: Message) -> None:
    raise AssertionError("nothing is to be sent")
