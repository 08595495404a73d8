"""What every request must be, whatever its route: its texts can be stored, and its numbers."""

import time

import httpx2
import orjson
import pytest

JSON = {"Content-Type": "application/json"}


async def post(admin: httpx2.AsyncClient, content: bytes) -> httpx2.Response:
    return await admin.post("/api/v1/things", content=content, headers=JSON)


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (b'{"name": "a\\u0000b"}', "/name"),
        (b'{"name": "a", "x": [0, {"y/z": "\\u0000"}]}', "/x/1/y~1z"),
        (b'{"name": "a", "x": {"a\\u0000": 1}}', "/x"),
        (b'{"name": "\\ud800"}', "/name"),
        (b'{"name": "\\udc00\\ud800"}', "/name"),
        (b'{"name": "a", "\\ud800": 1}', ""),
        (b'{"name": "a", "sizes": [1, 9223372036854775808]}', "/sizes/1"),
        (b'{"name": "a", "sizes": [-9223372036854775809]}', "/sizes/0"),
        (b'{"name": "a", "sizes": [' + b"9" * 400 + b"]}", "/sizes/0"),
        (b'"\\u0000"', ""),
    ],
)
async def test_what_no_database_holds_is_refused_where_it_is(
    admin: httpx2.AsyncClient, content: bytes, pointer: str
) -> None:
    answer = await post(admin, content)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert (error["in"], error["pointer"]) == ("body", pointer)
    assert "u0000" not in answer.text


@pytest.mark.parametrize(
    "content",
    [
        b'{"name": "\\\\u0000"}',
        b'{"name": "\\ud83d\\ude00"}',
        b'{"name": "a", "sizes": [9223372036854775807, -9223372036854775808]}',
        b'{"name": "a", "password": "12345678901234567890"}',
    ],
)
async def test_what_reads_alike_is_taken(admin: httpx2.AsyncClient, content: bytes) -> None:
    assert (await post(admin, content)).status_code == 201


@pytest.mark.parametrize("path", ["/api/v1/things?cursor=a%00b", "/api/v1/things?a%00=b", "/api/v1/a%00b/fails"])
async def test_nul_in_the_address_is_refused(admin: httpx2.AsyncClient, path: str) -> None:
    answer = await admin.get(path)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["in"] == ("query" if "?" in path else "path")
    assert not {"\0", "%00"} & set(answer.text)


async def test_too_many_values_are_refused_unread(admin: httpx2.AsyncClient) -> None:
    content = b'{"name": "a", "sizes": [' + b"{}," * 1_300_000 + b"0]}"
    began = time.process_time()
    answer = await post(admin, content)
    assert time.process_time() - began < 0.3
    assert answer.status_code == 413
    assert "200000" in orjson.loads(answer.content)["detail"]
