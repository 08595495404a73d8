"""Domain events as Server-Sent Events: in one order, from where a reader was, by filter, within bounds."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from csms.v1.events_pb2 import DomainEvent, StationBooted, StationChanged, StationConnected
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_DEVICES, EVENTS_GATEWAY
from csms_db.engine import Database
from csms_history.consumers import EventRecords, handlers
from csms_history.event_log import stream_routes
from csms_history.event_log.following import Following
from csms_history.event_log.log_rows import delete_old
from csms_history.event_log.stream_routes import Streams
from csms_history.event_log.wanted import Wanted
from csms_history.settings import HistorySettings
from csms_runtime.clock import utcnow
from csms_runtime.http import Problem

AT = 1_767_225_600_000
ALL = Wanted()


def event(number: int, station_id: str = "CS1", topic: str = EVENTS_DEVICES.name, **body: Any) -> Incoming:
    body = body or {"station_connected": StationConnected(protocol="ocpp2.0.1", connection_id=str(number))}
    told = DomainEvent(event_id=f"event-{number:03}", occurred_at_ms=AT + number, station_id=station_id, **body)
    return Incoming(topic, 0, number, station_id, new_record(station_id, event=told))


async def told(database: Database, *records: Incoming) -> None:
    await EventRecords(database, handlers(HistorySettings()))(records)


@asynccontextmanager
async def following(database: Database, **options: Any) -> AsyncIterator[Following]:
    stop, followed = asyncio.Event(), Following(database, **options)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(followed.run(stop))
        await followed.begun()
        try:
            yield followed
        finally:
            stop.set()


async def read(followed: Following, count: int, wanted: Wanted = ALL, last_id: int | None = None) -> list[Any]:
    """The first events of a stream: name, number, and data."""
    found: list[Any] = []
    async with asyncio.timeout(5):
        response = await Streams(followed, 10).open(wanted, last_id)
        async for part in response.body_iterator:
            for block in bytes(part).decode().split("\n\n"):  # type: ignore[arg-type]
                fields = dict(line.split(": ", 1) for line in block.splitlines() if line and line[0] != ":")
                if "data" in fields:
                    found.append((fields["event"], int(fields["id"]), orjson.loads(fields["data"])))
            if len(found) >= count:
                break
    return found


def ids(found: Sequence[Any]) -> list[str]:
    return [data["id"] for _, _, data in found]


async def test_events_come_once_in_one_order_and_go_on_where_a_reader_was(database: Database) -> None:
    async with following(database) as followed:
        reading = asyncio.create_task(read(followed, 3))
        await asyncio.sleep(0)
        await told(database, event(1), event(2))
        await told(database, event(2), event(3))  # the second comes again
        found = await reading
        assert ids(found) == ["event-001", "event-002", "event-003"]
        name, number, data = found[1]
        assert (name, data["type"], data["subject"]) == ("station_connected", "station_connected", "CS1")
        assert data["data"]["protocol"] == "ocpp2.0.1"
        assert ids(await read(followed, 1, last_id=number)) == ["event-003"]
    async with following(database, kept_bytes=1) as another:  # of another process, from the database
        assert ids(await read(another, 2, last_id=found[0][1])) == ["event-002", "event-003"]


async def test_filters(database: Database) -> None:
    changed = StationChanged(change=StationChanged.CHANGE_UPDATED, site_id="north")
    booted = StationBooted(registration_status="Accepted")
    await told(database, event(0))
    async with following(database) as followed:
        start = followed.newest
        await told(
            database,
            event(1, "CS2", station_changed=changed),
            event(2),
            event(3, "cs2", station_booted=booted),
            event(4, "CS2", topic=EVENTS_GATEWAY.name),  # nobody has checked who said so
            event(5, station_booted=booted),
        )
        every = (start,)
        assert ids(await read(followed, 2, Wanted.of(None, ["CS2"], None), *every)) == ["event-001", "event-003"]
        assert ids(await read(followed, 2, Wanted.of(["station_booted"], None, None), *every)) == [
            "event-003",
            "event-005",
        ]
        assert ids(await read(followed, 2, Wanted.of(None, None, ["north"]), *every)) == ["event-001", "event-003"]


async def test_what_is_not_kept_any_more_is_said(database: Database) -> None:
    async with following(database) as followed:
        await told(database, event(1))
        ((_, first, _),) = await read(followed, 1, last_id=0)
        async with database.transaction() as session:
            assert await delete_old(session, utcnow(), 10) == 1
        await told(database, event(2))
        gap, found = await read(followed, 2, last_id=first - 1)
        assert gap[0] == "gap"
        assert gap[2] == {"missed_after": str(first - 1)}
        assert found[2]["id"] == "event-002"
        assert found[1] > first  # numbers never come again


async def test_there_is_a_most(database: Database) -> None:
    async with following(database) as followed:
        streams = Streams(followed, 1)
        response = await streams.open(ALL, None)
        parts = aiter(response.body_iterator)
        assert b"retry:" in await anext(parts)  # type: ignore[operator]
        with pytest.raises(Problem) as refused:
            await streams.open(ALL, None)
        assert refused.value.status == 503
        await parts.aclose()  # type: ignore[attr-defined]
        await streams.open(ALL, None)


@pytest.mark.parametrize("query", [{"type": "nothing"}, {"last_event_id": "x"}, {"kind": "station_booted"}])
async def test_what_it_does_not_know_is_refused(database: Database, serve, query) -> None:
    streams = Streams(Following(database), 1)
    async with serve(lambda _: stream_routes.router(streams)) as get:
        await get("/events/stream", 422, **query)
