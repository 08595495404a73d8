"""A body costs little whatever it holds: values, depth and the errors in the answer are bounded."""

import time

import httpx2
import orjson
import pytest
from csms_runtime.http.json_limits import MAX_DEPTH, MAX_NAMES, is_deep, is_wide
from csms_runtime.http.problems import MAX_ERRORS

JSON = {"Content-Type": "application/json"}


def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (nested(MAX_DEPTH + 2), "nested deeper"),
        (nested(900), "nested deeper"),
        (b'{"name":"a","sizes":[' + b",".join([b"0"] * 2_000_000) + b"]}", "more than"),
        (b"[" + b",".join([b"{}"] * 1_300_000) + b"]", "more than"),
        (b"[" + b",".join([b"[]"] * 1_300_000) + b"]", "more than"),
        (b'{"name":"a","x":{' + b",".join(b'"%d":0' % n for n in range(250_000)) + b"}}", "more than"),
    ],
)
async def test_a_body_of_too_much_is_refused_in_little_time(admin: httpx2.AsyncClient, content, detail):
    started = time.process_time()
    response = await admin.post("/api/v1/things", content=content, headers=JSON)
    assert time.process_time() - started < 1  # all errors of two million values took more, and gigabytes
    assert response.status_code in {413, 422}
    assert detail in response.json()["detail"]
    assert len(response.content) < 1000


@pytest.mark.parametrize("within", [b"%s", b'{"name":"a","x":[%s]}'])
async def test_an_object_of_very_many_names_is_refused_before_each_is_told(admin: httpx2.AsyncClient, within: bytes):
    names = b"{" + b",".join(b'"%d":0' % number for number in range(98_000)) + b"}"
    started = time.process_time()
    response = await admin.post("/api/v1/things", content=within % names, headers=JSON)
    assert time.process_time() - started < 0.5
    assert (response.status_code, response.json()["detail"]) == (422, "An object in the body has more than 1000 names")


def test_how_wide_a_body_may_be():
    assert not is_wide({"a": [dict.fromkeys(map(str, range(MAX_NAMES)), 0)]})
    assert is_wide({"a": [dict.fromkeys(map(str, range(MAX_NAMES + 1)), 0)]})
    assert is_wide(dict.fromkeys(map(str, range(MAX_NAMES + 1)), 0))


async def test_of_many_errors_the_first_are_named(admin: httpx2.AsyncClient):
    body = {"name": "a", "sizes": ["x"] * 20_000}
    response = await admin.post("/api/v1/things", json=body)
    assert response.status_code == 422
    problem = response.json()
    assert [error["pointer"] for error in problem["errors"]] == [f"/sizes/{n}" for n in range(MAX_ERRORS)]
    assert problem["detail"] == f"see errors: the first {MAX_ERRORS} of 20000"


def test_what_a_message_may_hold_is_allowed():
    assert not is_deep(orjson.loads(nested(MAX_DEPTH)))
