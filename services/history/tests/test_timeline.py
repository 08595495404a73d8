"""What happened at a station, in one order: from the records on the bus to what the API shows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from csms.v1.events_pb2 import (
    ConnectionRefused,
    DomainEvent,
    IdTokenChanged,
    StationBooted,
    StationChanged,
    StationConnected,
    StationNotified,
    TransactionStarted,
)
from csms_bus.events import CATALOGUE
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_AUTH, EVENTS_DEVICES, EVENTS_GATEWAY
from csms_db.engine import Database
from csms_history import station_bytes
from csms_history.consumers import EventRecords, handlers
from csms_history.settings import HistorySettings
from csms_history.tables import station_bytes as bytes_table
from csms_history.tables import timeline_entries
from csms_history.timeline import timeline_routes
from csms_history.timeline.entries import MOST_DETAIL_BYTES, delete_old
from csms_runtime.clock import from_ms

AT = 1_767_225_600_000
SETTINGS = HistorySettings()


def event(number: int, station_id: str = "CS1", topic: str = EVENTS_DEVICES.name, **body: Any) -> Incoming:
    """An event of that number, so many seconds after AT."""
    told = DomainEvent(event_id=f"event-{number:03}", occurred_at_ms=AT + number * 1000, station_id=station_id, **body)
    return Incoming(topic, 0, number, station_id, new_record(station_id, event=told))


def connected(number: int, station_id: str = "CS1") -> Incoming:
    return event(number, station_id, station_connected=StationConnected(protocol="ocpp2.0.1"))


async def told(database: Database, records: Sequence[Incoming], settings: HistorySettings = SETTINGS) -> None:
    assert await EventRecords(database, handlers(settings))(records) == []


async def test_what_happened_is_shown_in_one_order_however_often_it_is_told(database: Database, serve) -> None:
    booted = event(2, station_booted=StationBooted(reason="PowerUp", registration_status="Accepted"))
    started = event(3, transaction_started=TransactionStarted(transaction_id="tx", started_at_ms=AT))
    await told(database, [started, connected(1), connected(9, "CS2")])
    await told(database, [connected(1), booted, started, booted])
    async with serve(timeline_routes.router) as get:
        found = (await get("/stations/cs1/timeline"))["items"]
    assert [(one["id"], one["type"]) for one in found] == [
        ("event-002", "boot"),
        ("event-001", "connection"),
        ("event-003", "transaction"),
    ]
    started, connected_at = found[2], found[1]["occurred_at"]
    assert started["detail"] == {"transaction_id": "tx", "started_at": "2026-01-01T00:00:00+00:00"}
    assert (started["occurred_at"], started["told_at"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:03Z")
    assert (started["event"], started["sentence"]) == (
        "transaction_started",
        "Transaction tx started at the station without an accepted token.",
    )
    assert connected_at == "2026-01-01T00:00:01Z"


async def test_every_event_of_the_catalogue_is_kept(database: Database, serve) -> None:
    examples = [(each.topics[0].name, each.example) for each in CATALOGUE]
    records = [
        Incoming(topic, 0, number, one.station_id, new_record(one.station_id, event=one))
        for number, (topic, one) in enumerate(examples)
    ]
    changed = StationChanged(change=StationChanged.CHANGE_UPDATED, site_id="harbour", labels={"line": "2"})
    await told(database, [*records, event(1, station_changed=changed)])
    async with serve(timeline_routes.router) as get:
        (found,) = (await get("/stations/CS1/timeline", types="configuration"))["items"][-1:]
    assert found["detail"] == {"change": "updated", "site_id": "harbour", "labels": {"line": "2"}}


async def test_pages_and_filters(database: Database, serve) -> None:
    await told(database, [connected(number) for number in range(5)])
    await told(database, [event(7, station_booted=StationBooted(reason="PowerUp"))])
    async with serve(timeline_routes.router) as get:
        path, seen, cursor = "/stations/CS1/timeline", [], {}
        while True:
            page = await get(path, limit=2, **cursor)
            seen += [one["id"] for one in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert seen == ["event-007", *(f"event-{number:03}" for number in (4, 3, 2, 1, 0))]
        of_type = await get(path, types="connection", since="2026-01-01T00:00:02Z", until="2026-01-01T00:00:04Z")
        assert [one["id"] for one in of_type["items"]] == ["event-003", "event-002"]
        assert len((await get(path, types="boot,connection"))["items"]) == 6
        assert len((await get(path, types=["boot", "fault"]))["items"]) == 1
        assert (await get("/stations/nobody/timeline"))["items"] == []
        await get(path, type="station_connected", status=422)
        await get(path, types="weather", status=422)
        await get(path, types="audit", status=403)
        await get(path, cursor="x", status=422)


async def test_who_is_refused_again_and_again_is_kept_once_a_minute(database: Database, serve) -> None:
    def refused(number: int, topic: str, address: str = "192.0.2.1", station_id: str = "CS1") -> Incoming:
        body = ConnectionRefused(http_status=401, remote_address=address, kind="bad_credentials")
        return event(number, station_id, topic, connection_refused=body)

    gateway, auth = EVENTS_GATEWAY.name, EVENTS_AUTH.name
    records = [refused(number, gateway) for number in range(30)]
    strangers = [refused(number, gateway, station_id=f"stranger-{number}") for number in range(30)]
    records += [refused(1, auth), refused(2, gateway, "192.0.2.2"), refused(61, gateway), *strangers]
    await told(database, [connected(0), *records])
    await told(database, records)
    async with serve(timeline_routes.router) as get:
        found = (await get("/stations/CS1/timeline", types="refusal"))["items"]
        assert (await get("/stations/stranger-1/timeline"))["items"] == []
    assert sorted(one["sentence"].partition(" UTC")[0][-8:] for one in found) == [
        "00:00:00",
        "00:00:01",
        "00:00:02",
        "00:01:01",
    ]
    assert sorted((one["occurred_at"], one["detail"]["remote_address"], one["detail"]["checked"]) for one in found) == [
        ("2026-01-01T00:00:00Z", "192.0.2.1", False),
        ("2026-01-01T00:00:00Z", "192.0.2.1", True),
        ("2026-01-01T00:00:00Z", "192.0.2.2", False),
        ("2026-01-01T00:01:00Z", "192.0.2.1", False),
    ]


async def test_what_is_of_no_station_or_unknown_is_passed_over(database: Database) -> None:
    token = event(1, "", id_token_changed=IdTokenChanged(id_token="X"))
    nobody = event(2, "no:station", EVENTS_GATEWAY.name, connection_refused=ConnectionRefused(http_status=404))
    await told(database, [token, nobody, event(3)])
    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(timeline_entries)) == 0


async def test_a_large_event_is_cut(database: Database, serve) -> None:
    payload = b'{"x": "' + b"x" * MOST_DETAIL_BYTES + b'"}'
    await told(database, [event(1, station_notified=StationNotified(action="NotifyEvent", payload=payload))])
    async with serve(timeline_routes.router) as get:
        (found,) = (await get("/stations/CS1/timeline"))["items"]
    assert found["detail"]["omitted_bytes"] > MOST_DETAIL_BYTES


async def test_the_oldest_of_a_station_gives_way_and_that_of_others_stays(database: Database, serve) -> None:
    few = SETTINGS.model_copy(update={"station_timeline_bytes": 2000})
    await told(database, [connected(0, "CS2")], few)
    for number in range(20):
        await told(database, [connected(number)], few)
    async with serve(timeline_routes.router) as get:
        kept = [one["id"] for one in (await get("/stations/CS1/timeline"))["items"]]
        assert kept == [f"event-{number:03}" for number in range(19, 19 - len(kept), -1)]
        assert 3 < len(kept) < 8
        assert len((await get("/stations/CS2/timeline"))["items"]) == 1
    await counted(database)


async def test_what_is_old_goes_and_is_not_counted_any_more(database: Database) -> None:
    await told(database, [*(connected(number) for number in range(10)), connected(3, "CS2")])
    async with database.transaction() as session:
        assert await delete_old(session, from_ms(AT) + timedelta(seconds=7), 5) == 5
        assert await delete_old(session, from_ms(AT) + timedelta(seconds=7), 5) == 3
    await counted(database)
    async with database.reading() as session:
        assert set((await session.scalars(sa.select(bytes_table.c.station_key))).all()) == {"cs1", "cs2"}
    async with database.transaction() as session:
        assert await delete_old(session, from_ms(AT) + timedelta(seconds=70), 5) == 3
        await station_bytes.shrink(session, "timeline/connection", {})
    await counted(database)


async def counted(database: Database) -> None:
    """What is counted is what is there."""
    of, size = (timeline_entries.c.station_key, timeline_entries.c.kind), sa.func.sum(timeline_entries.c.size)
    columns = bytes_table.c
    async with database.reading() as session:
        stored = {
            (key, f"timeline/{kind}"): sum_
            for key, kind, sum_ in await session.execute(sa.select(*of, size).group_by(*of))
        }
        noted = {
            (key, kind): count
            for key, kind, count in await session.execute(sa.select(columns.station_key, columns.kind, columns.bytes))
            if kind.startswith("timeline")
        }
    assert noted == stored
