"""GET /transactions: orders and filters of times, with ties, without an end, while rows change. On both databases."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from csms_db import settled
from csms_transactions.store import listing
from csms_transactions.store.filters import TransactionSort
from csms_transactions.store.tables import transactions
from sqlalchemy import insert, update

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ACTIVE = None


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


def row(key: str, started: float, ended: float | None, updated: float, **fields: Any) -> dict[str, Any]:
    return {
        "id": key,
        "station_id": "CS1",
        "transaction_id": key,
        "transaction_id_key": key,
        "id_token_key": "tag",
        "state": "Active" if ended is None else "Ended",
        "started_at": hour(started),
        "ended_at": None if ended is None else hour(ended),
        "updated_at": hour(updated),
        "ended_updated_at": None if ended is None else hour(updated),
        "last_seq_no": 0,
        "event_count": 1,
        "gaps": [],
        "started_seen": True,
        "offline_events": 0,
        "evse_id": None,
        "group_id_token": None,
        "remote_start_id": None,
        "energy_quality": None,
        **fields,
    }


ROWS = [
    row("a", 1, 5, 9, evse_id=1, energy_quality="measured"),
    row("b", 1, 5, 9, station_id="CS2", evse_id=1, energy_quality="implausible", group_id_token="Fleet"),
    row("c", 1, 4, 9, remote_start_id=7, energy_quality="measured", gaps=[[1, 2]]),
    row("d", 2, ACTIVE, 9, evse_id=1, energy_quality="implausible", gaps=[[3, 3]]),
    row("e", 2, ACTIVE, 7, id_token_key="other", group_id_token="FLEET"),
    row("f", 3, ACTIVE, 8, station_id="CS2", remote_start_id=7),
    row("g", 3, 4, 6, evse_id=2),
    row("h", 4, 3, 7, station_id="CS2"),  # a clock that was set back
    row("i", 0, 9, 9, id_token_key="other"),
]


@pytest.fixture
async def stored(world):
    async with world.database.transaction() as session:
        await session.execute(insert(transactions), ROWS)
    return world


async def read(api, limit: int, meanwhile=None, **query: str) -> list[str]:
    """All pages; `meanwhile` is done after the first."""
    seen, cursor = [], {}
    for _ in range(2 * len(ROWS)):
        page = (await api.get("/transactions", params={**query, **cursor, "limit": limit})).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return seen
        cursor = {"cursor": page["next_cursor"]}
        if meanwhile is not None:
            await meanwhile()
            meanwhile = None
    raise AssertionError("the list does not end")


def place(one: dict[str, Any], sort: TransactionSort) -> tuple[Any, ...]:
    if sort.field == "ended_at":
        return one["ended_at"] or one["started_at"], one["id"]
    return one[sort.field], one["id"]


def in_order(rows: list[dict[str, Any]], sort: TransactionSort) -> list[str]:
    rows = sorted(rows, key=lambda one: place(one, sort), reverse=sort.descending)
    if sort.field == "ended_at":
        rows = sorted(rows, key=lambda one: one["ended_at"] is not None)
    return [one["id"] for one in rows]


FILTERS = {
    "none": ({}, lambda _: True),
    "station_id": ({"station_id": "cs2"}, lambda one: one["station_id"] == "CS2"),
    "id_token": ({"id_token": "TAG"}, lambda one: one["id_token_key"] == "tag"),
    "transaction_id": ({"transaction_id": "C"}, lambda one: one["id"] == "c"),
    "active": ({"state": "Active"}, lambda one: one["ended_at"] is None),
    "ended": ({"state": "Ended"}, lambda one: one["ended_at"] is not None),
    "started": (
        {"started_since": hour(1).isoformat(), "started_until": hour(3).isoformat()},
        lambda one: hour(1) <= one["started_at"] < hour(3),
    ),
    "ended_since": (
        {"ended_since": hour(4).isoformat()},
        lambda one: one["ended_at"] is not None and one["ended_at"] >= hour(4),
    ),
    "ended_between": (
        {"ended_since": hour(4).isoformat(), "ended_until": hour(5).isoformat(), "station_id": "CS1"},
        lambda one: one["ended_at"] == hour(4),
    ),
    "ended_until_and_active": ({"ended_until": hour(9).isoformat(), "state": "Active"}, lambda _: False),
    "evse": ({"station_id": "CS1", "evse_id": "1"}, lambda one: (one["station_id"], one["evse_id"]) == ("CS1", 1)),
    "group": ({"group_id_token": "fleet"}, lambda one: one["group_id_token"] is not None),
    "remote_start_id": ({"remote_start_id": "7"}, lambda one: one["remote_start_id"] == 7),
    "gaps": ({"has_gaps": "true"}, lambda one: one["gaps"] != []),
    "no_gaps": ({"has_gaps": "false"}, lambda one: one["gaps"] == []),
    "measured": ({"energy_quality": "measured"}, lambda one: one["energy_quality"] == "measured"),
    "implausible_and_active": (
        {"energy_quality": "implausible", "state": "active"},
        lambda one: one["id"] == "d",
    ),
    "measured_and_ended": (
        {"energy_quality": "measured", "state": "ended", "has_gaps": "true"},
        lambda one: one["id"] == "c",
    ),
    "q_station": ({"q": "cs2"}, lambda one: one["station_id"] == "CS2"),
    "q_token": ({"q": "Other"}, lambda one: one["id_token_key"] == "other"),
    "q_transaction": ({"q": "G", "state": "ended"}, lambda one: one["id"] == "g"),
    "started_and_ended": (
        {"started_until": hour(2).isoformat(), "ended_since": hour(5).isoformat()},
        lambda one: one["started_at"] < hour(2) and one["ended_at"] is not None and one["ended_at"] >= hour(5),
    ),
    "updated": ({"updated_since": hour(8).isoformat()}, lambda one: one["updated_at"] >= hour(8)),
    "updated_and_started": (
        {"updated_since": hour(8).isoformat(), "started_until": hour(2).isoformat(), "state": "Ended"},
        lambda one: one["updated_at"] >= hour(8) and one["started_at"] < hour(2) and one["ended_at"] is not None,
    ),
}


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("sort", TransactionSort)
async def test_pages_that_end_before_they_are_full_leave_nothing_out(api, sort, monkeypatch):
    monkeypatch.setattr(listing, "SCANNED", 2)
    for query, fits in FILTERS.values():
        expected = in_order([one for one in ROWS if fits(one)], sort)
        assert await read(api, 3, sort=sort.value, **query) == expected, query


async def test_an_evse_wants_its_station(api):
    answer = await api.get("/transactions", params={"evse_id": 1})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/evse_id")


async def test_who_follows_changes_sees_none_before_an_earlier_one_that_is_under_way(stored, api):
    """Two processes store: the one that began first is the last to commit. On SQLite they take turns."""

    async def change(session, key) -> None:
        now = await settled.now_of(session)
        values = {"updated_at": now, "ended_updated_at": now}
        await session.execute(update(transactions).where(transactions.c.id == key).values(values))

    query = {"sort": "updated_at", "updated_since": hour(24).isoformat()}
    async with stored.database.transaction() as slow:
        await change(slow, "a")
        if stored.database.dialect == "sqlite":
            await change(slow, "b")
            return
        async with stored.database.transaction() as fast:
            await change(fast, "b")
        assert await read(api, 1, **query) == []
        assert await read(api, 1, sort="-started_at", updated_since=hour(24).isoformat()) == []
    assert await read(api, 1, **query) == ["a", "b"]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("sort", TransactionSort)
async def test_every_order_with_every_filter_is_read_once_in_pages_of_any_size(api, sort):
    for (query, fits), limit in product(FILTERS.values(), (1, 4)):
        expected = in_order([one for one in ROWS if fits(one)], sort)
        assert await read(api, limit, sort=sort.value, **query) == expected, (query, limit)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("none", TransactionSort.STARTED_AT_DESC),
        ("active", TransactionSort.STARTED_AT_DESC),
        ("started", TransactionSort.STARTED_AT_DESC),
        ("ended_since", TransactionSort.ENDED_AT_DESC),
        ("ended_between", TransactionSort.ENDED_AT_DESC),
        ("updated", TransactionSort.UPDATED_AT_DESC),
    ],
)
async def test_without_sort_the_newest_come_first_by_the_time_that_the_filter_is_about(api, name, sort):
    query, fits = FILTERS[name]
    assert await read(api, 2, **query) == in_order([one for one in ROWS if fits(one)], sort)


@pytest.mark.parametrize("sort", ["ended_at", "-ended_at"])
async def test_none_is_left_out_that_ends_while_somebody_reads(stored, api, sort):
    """All three that are active end between the first page and the second."""

    async def end() -> None:
        async with stored.database.transaction() as session:
            values = {"state": "Ended", "ended_at": hour(8), "ended_updated_at": hour(10), "updated_at": hour(10)}
            await session.execute(update(transactions).where(transactions.c.ended_at.is_(None)).values(values))

    assert set(await read(api, 1, end, sort=sort)) == {one["id"] for one in ROWS}


async def test_who_reads_changes_from_the_oldest_on_misses_none_that_come_meanwhile(stored, api):
    async def change() -> None:
        async with stored.database.transaction() as session:
            values = {"ended_updated_at": hour(10), "updated_at": hour(10)}
            await session.execute(update(transactions).where(transactions.c.id.in_(["g", "i"])).values(values))

    seen = await read(api, 2, change, sort="updated_at", updated_since=hour(0).isoformat())
    assert seen[:2] == ["g", "e"]
    assert seen[-2:] == ["g", "i"]
    assert set(seen) == {one["id"] for one in ROWS}


@pytest.mark.usefixtures("stored")
async def test_a_cursor_is_of_one_order(api):
    answer = await api.get("/transactions", params={"sort": "ended_at", "limit": 1})
    cursor = answer.json()["next_cursor"]
    for other in ({"sort": "-ended_at"}, {"sort": "started_at"}, {}):
        answer = await api.get("/transactions", params={"cursor": cursor, **other})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/cursor")


@pytest.mark.parametrize("sort", ["energy_wh", "+started_at", "STARTED_AT", "", "--started_at"])
async def test_an_unknown_order_is_422_with_those_there_are(api, sort):
    answer = await api.get("/transactions", params={"sort": sort})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["in"], error["pointer"]) == ("query", "/sort")
    assert all(f"'{known}'" in error["detail"] for known in TransactionSort)


@pytest.mark.usefixtures("stored")
async def test_a_cursor_is_of_its_order_also_when_nobody_named_one(api):
    first = (await api.get("/transactions", params={"limit": 1})).json()["next_cursor"]
    for query in ({"ended_since": hour(4).isoformat()}, {"updated_since": hour(1).isoformat()}, {"sort": "ended_at"}):
        answer = await api.get("/transactions", params={**query, "cursor": first})
        assert answer.status_code == 422
    assert (await api.get("/transactions", params={"sort": "-started_at", "cursor": first})).status_code == 200
