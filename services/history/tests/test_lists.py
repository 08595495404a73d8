"""Decisions on tokens, connections, statuses, boots and faults as lists; uptime; and what stays when rows go."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from csms.v1.auth_pb2 import AuditEntry
from csms.v1.events_pb2 import (
    AuthorizationDecided,
    AvailabilityOrdered,
    ConnectorStatusChanged,
    DomainEvent,
    StationBooted,
    StationConnected,
    StationDisconnected,
)
from csms.v1.station_pb2 import GatewayState, GatewayStatus
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_bus.topics import AUDIT, EVENTS_DEVICES, GATEWAY_STATUS
from csms_db.engine import Database
from csms_history.connections import connection_routes, connections
from csms_history.connections.last_words import GatewayRecords, LastWords
from csms_history.consumers import EventRecords, handlers
from csms_history.settings import HistorySettings
from csms_history.timeline import entries, list_routes, timeline_routes
from csms_history.timeline.entries import TimelineEntries
from csms_history.timeline.of_audit import AuditRecords, rows_of
from csms_history.uptime import uptime_routes
from csms_runtime.clock import to_ms

DAY = datetime(2026, 11, 27, tzinfo=UTC)
EPOCH = 1_767_225_600_000
SETTINGS = HistorySettings()
NOW = DAY + timedelta(hours=24)
_numbers = itertools.count()


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def event(hour: float, station_id: str = "CS1", **body: Any) -> Incoming:
    number = next(_numbers)
    told = DomainEvent(event_id=f"event-{number:03}", occurred_at_ms=to_ms(at(hour)), station_id=station_id, **body)
    return Incoming(EVENTS_DEVICES.name, 0, number, station_id, new_record(station_id, event=told))


def opened(hour: float, name: str, station_id: str = "CS1") -> Incoming:
    body = StationConnected(
        connection_id=name, protocol="ocpp2.0.1", remote_address="192.0.2.17", gateway_slot=1, gateway_epoch=EPOCH
    )
    return event(hour, station_id, station_connected=body)


def closed(hour: float, name: str, since: float, station_id: str = "CS1", **why: Any) -> Incoming:
    body = StationDisconnected(connection_id=name, connected_at_ms=to_ms(at(since)), **why)
    return event(hour, station_id, station_disconnected=body)


def status(hour: float, word: str, station_id: str = "CS1", **more: Any) -> Incoming:
    place = {"evse_id": 1, "connector_id": 1, "reported_at_ms": to_ms(at(hour)), **more}
    return event(hour, station_id, connector_status_changed=ConnectorStatusChanged(status=word, **place))


def decided(hour: float, token: str, word: str, station_id: str = "CS1") -> Incoming:
    body = AuthorizationDecided(
        id_token=token, id_token_type="ISO14443", status=word, reason="stored", purpose="authorize", evse_id=1
    )
    return event(hour, station_id, authorization_decided=body)


async def told(database: Database, records: Sequence[Incoming], settings: HistorySettings = SETTINGS) -> None:
    await EventRecords(database, handlers(settings))(records)


def of_connections(database: Database) -> Any:
    return connection_routes.router(database, LastWords(lambda: NOW), lambda: NOW)


def of_uptime(database: Database) -> Any:
    return uptime_routes.router(database, LastWords(lambda: NOW), lambda: NOW)


async def test_decisions_are_found_by_token_station_status_and_time(database: Database, serve):
    records = [
        decided(1, "04AB", "Blocked"),
        decided(2, "04ab", "Accepted", "CS2"),
        decided(3, "04CD", "Blocked", "CS2"),
        decided(4, "****", "Invalid"),
        status(5, "Available"),
    ]
    await told(database, [*records, *records])
    async with serve(list_routes.router) as get:

        async def found(**filters: str) -> list[tuple[str, str, str]]:
            items = (await get(f"/authorizations?{urlencode(filters)}"))["items"]
            return [(one["station_id"], one["id_token"], one["status"]) for one in items]

        assert await found(id_token="04aB") == [("CS2", "04ab", "Accepted"), ("CS1", "04AB", "Blocked")]
        assert await found(status="Blocked") == [("CS2", "04CD", "Blocked"), ("CS1", "04AB", "Blocked")]
        assert await found(station_id="cs2", status="Accepted") == [("CS2", "04ab", "Accepted")]
        assert await found(since="2026-11-27T02:00:00Z", until="2026-11-27T03:00:00Z") == [("CS2", "04ab", "Accepted")]
        assert await found(id_token="****") == []
        assert len(await found()) == 4
        page = await get("/authorizations", limit=3)
        (last,) = (await get("/authorizations", cursor=page["next_cursor"]))["items"]
        assert (
            last["sentence"]
            == "Token 04AB (ISO14443) was refused (Blocked) at EVSE 1: Blocked is what is stored of the token."
        )
        assert (last["reason"], last["purpose"], last["transaction"]) == ("stored", "authorize", None)


async def test_statuses_boots_and_faults_of_a_station(database: Database, serve):
    booted = event(0, station_booted=StationBooted(reason="PowerUp", firmware_version="1.0"))
    records = [
        booted,
        status(1, "Available"),
        status(2, "Faulted", error_code="GroundFailure", info="see manual"),
        status(3, "Available", evse_id=0, connector_id=0),
        status(2, "Faulted", "CS2"),
    ]
    await told(database, records)
    async with serve(timeline_routes.router) as get:
        history = (await get("/stations/CS1/status-history"))["items"]
        assert [(one["evse_id"], one["status"], one["error_code"]) for one in history] == [
            (None, "Available", None),
            (1, "Faulted", "GroundFailure"),
            (1, "Available", None),
        ]
        assert len((await get("/stations/CS1/status-history", evse_id=1, connector_id=1))["items"]) == 2
        assert len((await get("/stations/CS1/status-history", evse_id=0))["items"]) == 1
        (boot,) = (await get("/stations/CS1/boots"))["items"]
        assert (boot["reason"], boot["firmware_version"], boot["model"]) == ("PowerUp", "1.0", None)
        (fault,) = (await get("/stations/CS1/faults"))["items"]
        assert (fault["fault"], fault["detail"]["info"]) == ("GroundFailure", "see manual")
        timeline = (await get("/stations/CS1/timeline", types="status"))["items"]
        assert [one["type"] for one in timeline] == ["status", "fault", "status"]
        assert [one["type"] for one in (await get("/stations/CS1/timeline", types="fault,boot"))["items"]] == [
            "fault",
            "boot",
        ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5], ids=str)
async def test_connections_are_the_same_in_whatever_order_they_are_told(database: Database, serve, order):
    records = [
        opened(1, "a"),
        closed(2, "a", 1, reason="replaced", close_code=1000),
        opened(2, "b"),
        closed(5, "b", 2, close_code=1006),
    ]
    for position in order:
        await told(database, [records[position]])
    await told(database, records)
    async with serve(of_connections) as get:
        found = (await get("/stations/cs1/connections"))["items"]
        assert [(one["id"], one["duration_s"], one["close_reason"], one["close_code"]) for one in found] == [
            ("b", 3 * 3600, "", 1006),
            ("a", 3600, "replaced", 1000),
        ]
        assert {(one["protocol"], one["remote_address"], one["gateway"]) for one in found} == {
            ("ocpp2.0.1", "192.0.2.17", 1)
        }
        since = (await get("/stations/CS1/connections", since="2026-11-27T03:00:00Z"))["items"]
        assert [one["id"] for one in since] == ["b"]


async def test_of_two_ends_the_first_counts(database: Database, serve):
    for records in ([closed(3, "a", 1), closed(2, "a", 1, reason="first")], [opened(1, "a")]):
        await told(database, records[:1])
        await told(database, records[1:])
    async with serve(of_connections) as get:
        (one,) = (await get("/stations/CS1/connections"))["items"]
    assert (one["opened_at"], one["closed_at"], one["close_reason"]) == (
        "2026-11-27T01:00:00Z",
        "2026-11-27T02:00:00Z",
        "first",
    )


def heard(hour: float, state: int = GatewayState.GATEWAY_STATE_ALIVE) -> Incoming:
    body = GatewayStatus(gateway_slot=1, gateway_epoch=EPOCH, state=state)
    record = new_record("", gateway_status=body)
    record.produced_at_ms = to_ms(at(hour))
    return Incoming(GATEWAY_STATUS.name, 0, next(_numbers), "1", record)


async def test_a_connection_of_a_gateway_that_died_ended_when_it_was_last_heard(database: Database, serve):
    await told(database, [opened(1, "a")])
    clock = [0.0]
    handler = GatewayRecords(database, clock=lambda: clock[0])
    for seconds, hour in ((0, 3), (10, 5), (30, 6), (60, 4)):
        clock[0] = seconds
        await handler([heard(hour)])
    async with serve(of_connections, of_uptime) as get:
        (one,) = (await get("/stations/CS1/connections"))["items"]
        assert (one["closed_at"], one["close_reason"]) == ("2026-11-27T06:00:00Z", connection_routes.GATEWAY_GONE)
        found = await get("/stations/CS1/uptime", since="2026-11-27T00:00:00Z")
        assert (found["unknown_s"], found["up_s"], found["down_s"]) == (3600, 5 * 3600, 18 * 3600)
        clock[0] += 30
        await handler([heard(24)])
        (one,) = (await get("/stations/CS1/connections"))["items"]
        assert (one["closed_at"], one["duration_s"]) == (None, 23 * 3600)


async def test_uptime_of_a_period(database: Database, serve):
    ordered = AvailabilityOrdered(evse_id=1, status="Accepted")
    await told(
        database,
        [
            opened(-30, "a"),
            closed(4, "a", -30),
            opened(5, "b"),
            status(-29, "Available"),
            status(8, "Faulted"),
            status(10, "Unavailable"),
            event(10, availability_ordered=ordered),
        ],
    )
    async with serve(of_uptime) as get:
        found = await get("/stations/CS1/uptime", since="2026-11-27T00:00:00Z", until="2026-11-28T00:00:00Z")
        (evse,) = found["evses"]
        assert (evse["evse_id"], evse["up_s"], evse["down_s"], evse["planned_s"]) == (1, 7 * 3600, 3 * 3600, 14 * 3600)
        assert evse["uptime"] == found["uptime"] == 0.7
        assert found["until"] == "2026-11-28T00:00:00Z"
        nobody = await get("/stations/nobody/uptime", since="2026-11-27T00:00:00Z")
        assert (nobody["unknown_s"], nobody["uptime"], nobody["evses"]) == (24 * 3600, None, [])
        await get("/stations/CS1/uptime", since="2026-11-29T00:00:00Z", status=422)
        await get("/stations/CS1/uptime", since="2000-11-29T00:00:00Z", status=422)


async def test_what_was_last_known_stays_when_rows_go(database: Database, serve):
    await told(
        database,
        [
            opened(-90, "a"),
            closed(-80, "a", -90),
            opened(-70, "b"),
            status(-89, "Faulted"),
            status(-60, "Available"),
            event(-60, availability_ordered=AvailabilityOrdered(evse_id=1, status="Accepted")),
            event(-50, availability_ordered=AvailabilityOrdered(evse_id=1, operative=True, status="Accepted")),
        ],
    )
    async with database.transaction() as session:
        assert await entries.delete_old(session, at(-1), 500) == 7
        assert await connections.delete_old(session, at(-1), 500) == 1
    async with serve(of_uptime, timeline_routes.router) as get:
        assert (await get("/stations/CS1/timeline"))["items"] == []
        found = await get("/stations/CS1/uptime", since="2026-11-27T00:00:00Z")
        assert (found["evses"][0]["up_s"], found["unknown_s"]) == (24 * 3600, 0)
        before = await get("/stations/CS1/uptime", since="2026-11-23T00:00:00Z", until="2026-11-27T00:00:00Z")
        assert before["evses"][0]["unknown_s"] > 0 == before["evses"][0]["down_s"]


async def test_a_station_that_flaps_pushes_out_neither_others_nor_what_is_of_another_type(database: Database, serve):
    few = SETTINGS.model_copy(update={"station_timeline_bytes": 4000})
    await told(database, [decided(0, "04AB", "Blocked"), status(0, "Available", "CS2"), opened(0, "x", "CS2")], few)
    for number in range(40):
        hour = number / 10
        await told(
            database,
            [
                status(hour, "Faulted" if number % 2 else "Available"),
                opened(hour, f"c{number}"),
                closed(hour + 0.05, f"c{number}", hour),
            ],
            few,
        )
    async with serve(timeline_routes.router, of_connections) as get:
        statuses = (await get("/stations/CS1/status-history"))["items"]
        assert 3 < len(statuses) < 12
        assert 3 < len((await get("/stations/CS1/connections"))["items"]) < 12
        assert len((await get("/stations/CS1/timeline", types="authorization"))["items"]) == 1
        assert len((await get("/stations/CS2/timeline"))["items"]) == 2


def asked(
    path: str, principal: str = "anna", route: str = "/api/v1/stations/{station_id}", number: int = 1
) -> Incoming:
    body = AuditEntry(
        occurred_at_ms=to_ms(at(1)),
        principal=principal,
        method="POST",
        path=path,
        route=route,
        status=200,
        request=b'{"a": 1}',
    )
    record = new_record("", audit_entry=body)
    record.record_id = f"record-{number}"
    return Incoming(AUDIT.name, 0, number, "device-mgmt", record)


async def test_what_people_asked_for_is_shown_to_administrators_only(database: Database, serve):
    handler = AuditRecords(database, TimelineEntries(SETTINGS.station_timeline_bytes))
    await handler([asked("/api/v1/stations/cs1/calls/Reset"), asked("/api/v1/stations/cs1/calls/Reset")])
    async with serve(timeline_routes.router) as get:
        assert (await get("/stations/CS1/timeline"))["items"] == []
    async with serve(timeline_routes.router, scope="admin") as get:
        (one,) = (await get("/stations/CS1/timeline", types="audit"))["items"]
    assert one["sentence"] == "Anna asked for POST /api/v1/stations/cs1/calls/Reset: it was done."
    assert "request" not in one["detail"]


@pytest.mark.parametrize(
    "incoming",
    [
        asked("/api/v1/id-tokens/x"),
        asked("/api/v1/stations"),
        asked("/api/v1/stations/CS1", ""),
        asked("/api/v1/stations/CS1", route="unmatched"),
        asked("/api/v1/stations/no:one"),
    ],
    ids=["token", "list", "stranger", "no-route", "no-station"],
)
def test_what_concerns_no_station_is_passed_over(incoming: Incoming):
    assert incoming.record is not None
    assert list(rows_of(incoming.record)) == []
