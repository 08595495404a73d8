"""Lists in pages."""

import base64
import contextlib
from typing import Any

import httpx2
import pytest
from csms_runtime.http import Problem, decode_cursor, encode_cursor
from hypothesis import given
from hypothesis import strategies as st


async def test_all_pages_make_the_list(admin: httpx2.AsyncClient) -> None:
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("/api/v1/things", params=query)).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert found == list(range(10))


async def test_a_full_last_page_has_no_next(admin: httpx2.AsyncClient) -> None:
    page = (await admin.get("/api/v1/things?limit=10")).json()
    assert len(page["items"]) == 10
    assert page["next_cursor"] is None


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1"])
async def test_limit_out_of_range(admin: httpx2.AsyncClient, limit: str) -> None:
    response = await admin.get("/api/v1/things", params={"limit": limit})
    assert response.status_code == 422
    assert (response.json()["errors"][0]["in"], response.json()["errors"][0]["pointer"]) == ("query", "/limit")


@pytest.mark.parametrize(
    "cursor",
    [
        "!",
        "ä",
        "",
        "e30",
        "W10",
        encode_cursor(["text"]),
        encode_cursor([1, 2]),
        encode_cursor([True]),
        encode_cursor([2**63]),
        "x" * 1001,
    ],
)
async def test_cursor_that_is_none_of_ours(admin: httpx2.AsyncClient, cursor: str) -> None:
    response = await admin.get("/api/v1/things", params={"cursor": cursor})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/cursor"


@given(st.lists(st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none())))
def test_cursors_survive(position: list[Any]) -> None:
    assert decode_cursor(encode_cursor(position)) == position


@given(st.text())
def test_any_text_is_a_cursor_or_a_problem(text: str) -> None:
    with contextlib.suppress(Problem):
        assert isinstance(decode_cursor(text), list)


def test_nested_too_deep() -> None:
    with pytest.raises(Problem):
        decode_cursor(base64.urlsafe_b64encode(b"[" * 2000).decode())
