"""GET /transactions as CSV and JSON lines."""

import asyncio
import csv
import io
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms_db.engine import Database
from csms_runtime.http.export import Exports, Format, _accepted
from csms_runtime.http.problems import Problem
from csms_transactions.http import export
from csms_transactions.http.models import TransactionItem
from csms_transactions.store.filters import Filter, TransactionSort
from csms_transactions.store.tables import transactions
from sqlalchemy import insert

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def row(number: int, **fields: Any) -> dict[str, Any]:
    at = T0 + timedelta(minutes=number)
    return {
        "id": f"{number:032d}",
        "station_id": "CS1",
        "transaction_id": f"tx-{number}",
        "transaction_id_key": f"tx-{number}",
        "state": "Ended",
        "started_at": at,
        "ended_at": at,
        "updated_at": at,
        "ended_updated_at": at,
        "last_seq_no": 1,
        "event_count": 2,
        "gaps": [],
        "started_seen": True,
        "offline_events": 0,
        "id_token": None,
        "details": None,
        "meter_start": None,
        "close_reason": None,
        **fields,
    }


async def store(world, rows) -> None:
    async with world.database.transaction() as session:
        await session.execute(insert(transactions), rows)


def test_the_columns_are_all_there_is_of_a_transaction():
    assert sorted(export.COLUMNS) == sorted(TransactionItem.model_fields)


async def test_csv_has_a_line_for_each_transaction_whatever_is_in_it(world, api):
    odd = {"id_token": '=HYPERLINK("x")', "close_reason": 'says "no",\nthen\x1b goes', "meter_start": -5.5}
    await store(world, [row(1), row(2, **odd, gaps=[[3, 3], [5, 9]], details={"tariffId": "T"})])
    answer = await api.get("/transactions", params={"format": "csv", "sort": "started_at"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="transactions.csv"'
    plain, strange = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert tuple(plain) == export.COLUMNS
    assert (plain["id"], plain["started_at"]) == (f"{1:032d}", "2026-01-01T00:01:00Z")
    assert (plain["id_token"], plain["started_missing"], plain["energy_wh"]) == ("", "false", "")
    assert strange["id_token"] == '\'=HYPERLINK("x")'
    assert strange["close_reason"] == 'says "no",\\nthen\\x1b goes'
    assert (strange["meter_start"], strange["gaps"], strange["details"]) == ("-5.5", "3; 5..9", '{"tariffId":"T"}')


async def test_json_lines_are_the_items_of_the_list(world, api):
    await store(world, [row(number, close_reason="a\x7fb") for number in range(7)])
    listed = (await api.get("/transactions", params={"ended_since": T0.isoformat()})).json()["items"]
    answer = await api.get(
        "/transactions", params={"ended_since": T0.isoformat()}, headers={"Accept": "application/jsonl, */*;q=0.1"}
    )
    assert answer.headers["content-type"] == "application/jsonl"
    assert "\x7f" not in answer.text
    assert [orjson.loads(line) for line in answer.text.splitlines()] == listed


@pytest.mark.parametrize("sort", TransactionSort)
async def test_all_transactions_of_a_filter_come_in_its_order_over_many_pages(world, api, monkeypatch, sort):
    monkeypatch.setattr(export, "PAGE", 3)
    ended = [row(number, station_id=f"CS{number % 2}") for number in range(10)]
    active = {"state": "Active", "ended_at": None, "ended_updated_at": None}
    await store(world, [*ended, *(row(number, **active) for number in range(10, 14))])
    for query in ({}, {"station_id": "CS1"}, {"state": "Ended"}, {"has_gaps": "false"}):
        asked = {**query, "sort": sort.value}
        listed = (await api.get("/transactions", params=asked)).json()["items"]
        lines = (await api.get("/transactions", params={**asked, "format": "jsonl"})).text.splitlines()
        assert [orjson.loads(line) for line in lines] == listed
    few = await api.get("/transactions", params={"format": "csv", "limit": 4, "sort": sort.value})
    assert len(few.text.splitlines()) == 5


async def test_nothing_is_a_head_alone(api):
    answer = await api.get("/transactions", params={"format": "csv"})
    assert answer.text == ",".join(export.COLUMNS) + "\r\n"
    assert (await api.get("/transactions", params={"format": "jsonl"})).text == ""


async def test_an_export_has_no_pages_and_wants_a_known_format(api):
    answer = await api.get("/transactions", params={"format": "csv", "cursor": "WyJhIl0"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/cursor")
    assert (await api.get("/transactions", params={"format": "xlsx"})).status_code == 422
    assert (await api.get("/transactions", headers={"Accept": "text/html"})).headers[
        "content-type"
    ] == "application/json"


class Counting:
    """A database that knows how many read transactions are open."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.open = 0

    @asynccontextmanager
    async def reading(self):
        self.open += 1
        try:
            async with self._database.reading() as session:
                yield session
        finally:
            self.open -= 1


async def test_who_reads_slowly_holds_no_connection(world, monkeypatch):
    monkeypatch.setattr(export, "PAGE", 2)
    await store(world, [row(number) for number in range(5)])
    database = Counting(world.database)
    pages = export._pages(database, Filter(), TransactionSort.STARTED_AT, None)
    sizes = [(len(rows), database.open) async for rows in pages]
    assert sizes == [(2, 0), (2, 0), (1, 0)]


async def test_one_export_too_many_is_told_to_come_again():
    exports = Exports(most=1)
    asked = asyncio.Event()

    async def parts():
        asked.set()
        yield b"a"
        await asyncio.Event().wait()

    async def receive():
        await asyncio.Event().wait()

    async def send(_message):
        pass

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.3"}}
    first = asyncio.create_task(exports.answer(parts(), Format.CSV, "x")(scope, receive, send))
    await asked.wait()
    with pytest.raises(Problem, match="try again"):
        await exports.answer(parts(), Format.CSV, "x")(scope, receive, send)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    exports.begin()


async def test_an_export_ends_when_its_client_goes():
    exports, closed = Exports(), asyncio.Event()

    async def parts():
        try:
            while True:
                yield b"a"
                await asyncio.sleep(0)
        finally:
            closed.set()

    async def receive():
        return {"type": "http.disconnect"}

    async def send(_message):
        await asyncio.sleep(0)

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.3"}}
    async with asyncio.timeout(5):
        await exports.answer(parts(), Format.CSV, "x")(scope, receive, send)
        await closed.wait()


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", Format.JSON),
        ("*/*", Format.JSON),
        ("text/csv", Format.CSV),
        ("application/json, text/csv", Format.JSON),
        ("application/json;q=0.5, text/csv", Format.CSV),
        ("text/csv;q=x, text/html", Format.JSON),
        ("application/x-ndjson", Format.JSONL),
    ],
)
def test_accept_names_the_format(header, wanted):
    assert _accepted(header) is wanted
