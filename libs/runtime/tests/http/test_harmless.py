"""What stations say of themselves does nothing to the terminal of whoever asks the API with curl."""

from collections.abc import AsyncIterator

import httpx2
import orjson
import pytest
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app, listening
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel

ODD = "\x1b[2J\x00\x7f\x9b31m\u202ered\u2066\u2028\u200f ä\u2713\N{GRINNING FACE} \\u009b"
HARMFUL = ("\x1b", "\x00", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\u200f")


class Shown(BaseModel):
    vendor: str


router = APIRouter()


@router.get("/model")
async def model() -> Shown:
    return Shown(vendor=ODD)


@router.get("/plain")
async def plain() -> PlainTextResponse:
    return PlainTextResponse("\x7f")


@router.get("/parts")
async def parts() -> StreamingResponse:
    return StreamingResponse(iter([b'{"a"', b":1}"]), media_type="application/json")


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app("Odd", routers=[router], health=Health(), version="1", keys=ApiKeys.for_tests(read="read-key"))
    async with (
        listening(app, "127.0.0.1", 0) as port,
        httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/api/v1", headers={"Authorization": "Bearer read-key"}
        ) as client,
    ):
        yield client


async def test_json_means_the_same_and_does_nothing(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/model")
    assert orjson.loads(answer.content) == {"vendor": ODD}
    text = answer.content.decode()
    assert not [character for character in HARMFUL if character in text]
    assert "ä\u2713\N{GRINNING FACE}" in text


async def test_a_problem_names_what_was_wrong_without_doing_it(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/nothing/%C2%9B31m")
    assert answer.status_code == 404
    assert "\x9b" not in answer.text


async def test_the_rest_is_left_alone(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/plain")).text == "\x7f"
    assert (await client.get("/parts")).json() == {"a": 1}
    assert (await client.request("HEAD", "/model")).status_code == 405
