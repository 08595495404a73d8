"""Lists in pages."""

import base64
import contextlib
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from csms_runtime.http import Problem, decode_cursor, encode_cursor
from csms_runtime.http.pages import MAX_PAGE_BYTES, PageRequest, paginate
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel


class Thing(BaseModel):
    id: int
    text: str


async def test_all_pages_make_the_list(admin: httpx2.AsyncClient) -> None:
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("/api/v1/things", params=query)).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert found == list(range(10))


def test_a_page_ends_by_bytes_and_the_next_goes_on_there() -> None:
    rows = [(number, "x" * size) for number, size in enumerate([1, MAX_PAGE_BYTES + 1, 2, 3])]
    pages, begin = [], 0
    while begin is not None:
        page = paginate(rows[begin:], 3, position=lambda row: [row[0]], item=lambda row: Thing(id=row[0], text=row[1]))
        pages.append([thing.id for thing in page.items])
        begin = None if page.next_cursor is None else decode_cursor(page.next_cursor)[0] + 1
    assert pages == [[0], [1], [2, 3]], "one that is too large comes alone"


def test_a_cursor_names_the_order_that_was_asked_for() -> None:
    page = paginate(
        [(1, "a"), (2, "b")],
        1,
        position=lambda row: [row[0]],
        item=lambda row: Thing(id=row[0], text=row[1]),
        sort="-id",
    )
    request = PageRequest(1, decode_cursor(page.next_cursor or ""))
    assert request.sorted_by("-id").after(int) == [1]
    for other in ("id", None):
        with pytest.raises(Problem):
            request.sorted_by(other).after(int)


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


def test_moments_are_in_utc() -> None:
    page = PageRequest(1, ["2026-01-01T01:00:00+01:00", "a"])
    assert page.after_moment() == [datetime(2026, 1, 1, tzinfo=UTC), "a"]
    assert PageRequest(1, ["2026-01-01T00:00:00+00:00", 7]).after_moment(int) == [datetime(2026, 1, 1, tzinfo=UTC), 7]
    assert PageRequest(1, None).after_moment() is None


@pytest.mark.parametrize(
    "text", ["", "x", "2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01"]
)
def test_times_that_are_none_of_ours(text: str) -> None:
    with pytest.raises(Problem):
        PageRequest(1, [text, "a"]).after_moment()


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
