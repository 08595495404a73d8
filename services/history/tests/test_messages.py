"""The message log: from the records of gateways to what the API shows."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from csms.v1.station_pb2 import MESSAGE_DIRECTION_IN, MESSAGE_DIRECTION_OUT, LoggedMessage, MessageLog
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_bus.topics import STATION_MESSAGES
from csms_db.engine import Database
from csms_history.messages import message_routes, message_rows
from csms_history.messages.log_settings import LogSettings, Off, find, put
from csms_history.messages.message_pages import to_us
from csms_history.messages.message_records import MessageRecords
from csms_history.messages.partitions import DAY_US, Days, day_of
from csms_history.tables import message_bytes, station_messages
from csms_runtime.clock import utcnow

TODAY_US = day_of(utcnow()) * DAY_US
MIB = 1024 * 1024


def message(number: int, at_us: int | None = None, **fields: Any) -> LoggedMessage:
    """A message of that number, so many seconds after midnight."""
    usual: dict[str, Any] = {
        "direction": MESSAGE_DIRECTION_IN,
        "action": "Heartbeat",
        "message_id": str(number),
        "outcome": "result",
        "request": b'[2,"%d","Heartbeat",{}]' % number,
        "answer": b'[3,"%d",{"currentTime":"2026-01-01T00:00:00Z"}]' % number,
        "request_bytes": 22,
        "answer_bytes": 44,
        "latency_us": 1500,
    }
    return LoggedMessage(id=number, at_us=TODAY_US + number * 1_000_000 if at_us is None else at_us, **(usual | fields))


def told(station_id: str, messages: Iterable[LoggedMessage]) -> Incoming:
    log = MessageLog(messages=messages)
    return Incoming(STATION_MESSAGES.name, 0, 0, station_id, new_record(station_id, message_log=log))


async def keep(database: Database, *records: Incoming, most_bytes: int = MIB) -> None:
    assert await MessageRecords(database, Off(database), most_bytes)(records) == []


def routes(database: Database) -> Any:
    return message_routes.router(database, Off(database))


async def count(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(station_messages)) or 0


async def test_messages_are_shown_with_their_answers_however_often_they_come(database: Database, serve) -> None:
    await Days(database, 7).keep()
    refused = message(
        3, action="", outcome="refused", request=b"nonsense", answer=b"", answer_bytes=0, notice="invalid_frame"
    )
    refused.ClearField("latency_us")
    await keep(database, told("CS1", [message(1), message(2)]), told("CS1", [message(2), refused]))
    await keep(database, told("CS1", [message(1)]), told("CS2", [message(1)]))
    async with serve(routes) as get:
        found = (await get("/stations/cs1/messages"))["items"]
    assert [(one["message_id"], one["action"], one["outcome"], one["latency_ms"]) for one in found] == [
        ("3", None, "refused", None),
        ("2", "Heartbeat", "result", 1.5),
        ("1", "Heartbeat", "result", 1.5),
    ]
    assert found[0]["notice"] == {"kind": "invalid_frame", "detail": ""}
    assert found[0]["answer"] is None
    assert found[2]["request"] == {"text": '[2,"1","Heartbeat",{}]', "bytes": 22, "truncated": False}


async def pages(get: Any, **parameters: Any) -> list[str]:
    seen, cursor = [], {}
    while True:
        page = await get("/stations/CS1/messages", **parameters, **cursor)
        seen += [one["message_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            return seen
        cursor = {"cursor": page["next_cursor"]}


async def test_filters_and_pages(database: Database, serve, monkeypatch) -> None:
    monkeypatch.setattr("csms_history.messages.message_pages._LOOKED_AT", 7)
    every = [message(number) for number in range(30)]
    every[5].outcome = every[25].outcome = "error"
    every[7].action, every[7].direction = "Reset", MESSAGE_DIRECTION_OUT
    every[9].answer = b'[3,"9",{"info":"Needle in it"}]'
    await keep(database, told("CS1", every))
    newest_first = [str(number) for number in range(29, -1, -1)]
    async with serve(routes) as get:
        assert await pages(get, limit=4) == newest_first
        assert await pages(get, limit=30) == newest_first
        assert await pages(get, outcome="error", limit=1) == ["25", "5"]
        assert await pages(get, action="Reset") == await pages(get, direction="out") == ["7"]
        assert await pages(get, text="needle") == ["9"]
        assert await pages(get, text="nowhere") == []
        midnight = utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
        since, until = (midnight + timedelta(seconds=each) for each in (10, 12))
        assert await pages(get, since=since.isoformat(), until=until.isoformat()) == ["11", "10"]
        assert to_us(since) == TODAY_US + 10_000_000
        await get("/stations/CS1/messages", direction="sideways", status=422)
        await get("/stations/CS1/messages", outcome="errors", status=422)
        await get("/stations/CS1/messages", acton="Reset", status=422)


async def test_a_page_is_bounded_in_bytes_as_shown(database: Database, serve, monkeypatch) -> None:
    monkeypatch.setattr("csms_history.messages.message_pages.MAX_PAGE_BYTES", 100_000)
    large = b'[2,"1","DataTransfer",{"data":"%s"}]' % (b"x" * 30_000)  # takes little, packed
    await keep(database, told("CS1", [message(number, request=large) for number in range(8)]))
    async with serve(routes) as get:
        assert len((await get("/stations/CS1/messages"))["items"]) == 3
        assert len(await pages(get)) == 8


async def test_the_oldest_of_a_station_and_day_gives_way(database: Database, serve) -> None:
    few = partial(keep, database, most_bytes=3000)
    await few(told("CS2", [message(1)]), told("CS1", [message(900, at_us=TODAY_US - 1)]))
    for start in range(0, 60, 10):
        await few(told("CS1", [message(number) for number in range(start, start + 10)]))
    async with serve(routes) as get:
        kept = await pages(get)
        assert kept[-1] == "900"
        assert kept[:-1] == [str(number) for number in range(59, 60 - len(kept), -1)]
        assert 8 < len(kept) < 16
        assert len((await get("/stations/CS2/messages"))["items"]) == 1
    async with database.reading() as session:
        sizes = await session.scalar(sa.select(sa.func.sum(station_messages.c.size)))
        assert await session.scalar(sa.select(sa.func.sum(message_bytes.c.bytes))) == sizes


async def test_a_station_is_switched_off_or_kept_shorter(database: Database) -> None:
    old = message(1, at_us=TODAY_US - 3 * DAY_US)
    records = MessageRecords(database, Off(database, clock=lambda: 0.0), MIB)
    async with database.transaction() as session:
        await put(session, "cs1", LogSettings(enabled=False))
        await put(session, "cs2", LogSettings(keep_days=2))
    await records([told("CS1", [message(1)]), told("CS2", [old, message(2)]), told("CS3", [old])])
    assert await count(database) == 3
    async with database.transaction() as session:
        assert await message_rows.delete_of_stations(session, utcnow(), 10) == 1
        await put(session, "cs1", LogSettings())
        assert await find(session, "cs1") == LogSettings()
        assert await find(session, "cs2") == LogSettings(keep_days=2)
    assert await count(database) == 2


async def test_a_clock_that_was_ahead_does_not_stop_the_clean_up(database: Database) -> None:
    ahead = [message(number, at_us=TODAY_US + 99 * DAY_US + number) for number in range(5)]
    await keep(database, told("CS1", ahead), told("CS2", ahead))
    await keep(database, told("CS1", [message(number, at_us=TODAY_US - 99 * DAY_US + number) for number in range(7)]))
    week_ago, deleted = utcnow() - timedelta(days=7), []
    for _ in range(4):
        async with database.transaction() as session:
            if database.dialect == "sqlite" and len(deleted) < 2:
                assert await message_rows.delete_old_bytes(session, week_ago, 5) == 0
            deleted.append(await message_rows.delete_old(session, week_ago, 5))
    assert deleted == [5, 2, 0, 0]
    async with database.transaction() as session:
        assert await message_rows.delete_old_bytes(session, week_ago, 5) == 1


async def test_days_are_made_and_dropped(database: Database) -> None:
    """What came before its day was made is in it afterwards; what is in no day goes as rows do."""
    far, old = message(1, at_us=TODAY_US + 99 * DAY_US), message(2, at_us=TODAY_US - 99 * DAY_US)
    await keep(database, told("CS1", [message(3), far, old]))
    await Days(database, 7).keep()
    await Days(database, 7).keep()
    await keep(database, told("CS1", [message(4), message(3)]))
    assert await count(database) == 4
    week_ago = utcnow() - timedelta(days=7)
    async with database.transaction() as session:
        assert await message_rows.delete_old(session, week_ago, 10) == 1
        assert await message_rows.delete_old_bytes(session, week_ago, 10) == 1
    assert await count(database) == 3
    if database.dialect == "postgresql":
        async with database.transaction() as session:
            today = day_of(utcnow())
            assert await session.scalar(sa.select(sa.func.station_messages_partitions(today, today + 3))) == 3
        assert await count(database) == 1  # the one of a day far ahead
