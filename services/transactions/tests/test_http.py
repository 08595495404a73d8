"""The HTTP API, through the ASGI app."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from csms.v1.station_pb2 import Outcome
from csms_bus.ports import BusUnavailable
from csms_db.errors import DatabaseUnavailable
from csms_runtime.http import ApiKeys, create_app

TOKEN = {"idToken": "TAG", "type": "ISO14443"}


@pytest.fixture
async def api(world) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(
        "test",
        routers=world.service.routers,
        keys=ApiKeys.for_tests(operate="operator", read="reader"),
        health=world.health,
        version="1",
        unavailable=[DatabaseUnavailable, BusUnavailable],
    )
    headers = {"Authorization": "Bearer operator"}
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers) as client:
        yield client


async def the_transaction(api: httpx2.AsyncClient) -> dict[str, Any]:
    (item,) = (await api.get("/transactions")).json()["items"]
    return item


async def test_a_transaction_is_shown_with_all_that_is_known(world, api):
    tell, event = world.gateway.tell, world.event
    await tell(event(0, "Started", token="Tag", energy=1000, evse={"id": 2}))
    await tell(event(3, "Ended", energy=1250.5, offline=True))
    listed = await the_transaction(api)
    shown = (await api.get(f"/transactions/{listed['id']}")).json()
    assert shown == listed
    assert (
        shown.items()
        >= {
            "station_id": "CS1",
            "transaction_id": "tx-1",
            "state": "Ended",
            "evse_id": 2,
            "connector_id": None,
            "id_token": "Tag",
            "id_token_type": "ISO14443",
            "started_at": "2026-01-01T00:00:00Z",
            "ended_at": "2026-01-01T00:00:03Z",
            "meter_start": 1000,
            "meter_stop": 1250.5,
            "energy_wh": 250.5,
            "cost": None,
            "stopped_reason": "Local",
            "event_count": 2,
            "offline_events": 1,
            "started_missing": False,
        }.items()
    )
    assert shown["gaps"] == [{"first": 1, "last": 2}]


async def test_an_active_transaction_does_not_show_what_it_does_not_know(world, api):
    await world.gateway.tell(world.event(0, "Started"))
    shown = await the_transaction(api)
    unknown = ("ended_at", "evse_id", "id_token", "meter_start", "energy_wh", "stopped_reason", "cost")
    assert [shown[name] for name in unknown] == [None] * len(unknown)
    assert shown["gaps"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["b", "a"]),
        ({"station_id": "CS1"}, ["a"]),
        ({"station_id": "CS3"}, []),
        ({"state": "Ended"}, ["b"]),
        ({"id_token": "tag-a"}, ["a"]),
        ({"transaction_id": "b"}, ["b"]),
        ({"since": "2026-01-01T00:00:03Z"}, ["b"]),
        ({"since": "2026-01-01T01:00:03+01:00", "state": "Active"}, []),
    ],
)
async def test_filters(world, api, query, found):
    await world.gateway.tell(world.event(0, "Started", "a", token="TAG-A"), "CS1")
    await world.gateway.tell(world.event(5, "Ended", "b", token="TAG-B"), "CS2")
    items = (await api.get("/transactions", params=query)).json()["items"]
    assert [item["transaction_id"] for item in items] == found


async def test_pages_show_each_transaction_once(world, api):
    for number in range(7):
        await world.gateway.tell(world.event(number % 3, "Started", f"tx-{number}"))
    seen, cursor = [], None
    while True:
        page = (await api.get("/transactions", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["transaction_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == [f"tx-{number}" for number in range(7)]


async def test_events_and_meter_values_are_as_they_were_sent(world, api):
    sent = [
        world.event(0, "Started", energy=1, customData={"vendorId": "x", "y": 1.50}),
        world.event(1),
        world.event(2, energy=2),
    ]
    for payload in sent:
        await world.gateway.tell(payload)
    key = (await the_transaction(api))["id"]
    first = (await api.get(f"/transactions/{key}/events", params={"limit": 2})).json()
    rest = (await api.get(f"/transactions/{key}/events", params={"cursor": first["next_cursor"]})).json()
    assert [item["payload"] for item in first["items"] + rest["items"]] == sent
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 3
    values = (await api.get(f"/transactions/{key}/meter-values")).json()["items"]
    assert [(value["seq_no"], value["meter_value"]) for value in values] == [
        (0, sent[0]["meterValue"][0]),
        (2, sent[2]["meterValue"][0]),
    ]


async def test_a_key_code_is_shown_nowhere(world, api):
    await world.gateway.tell(world.event(0, "Started", idToken={"idToken": "4711", "type": "KeyCode"}))
    shown = await the_transaction(api)
    assert shown["id_token"] == "***"
    events = await api.get(f"/transactions/{shown['id']}/events")
    assert events.json()["items"][0]["payload"]["idToken"] == {"idToken": "***", "type": "KeyCode"}


async def test_meter_values_of_a_station(world, api):
    payload = {"evseId": 3, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1}]}]}
    await world.gateway.call("CS1", "MeterValues", payload)
    (item,) = (await api.get("/stations/CS1/meter-values", params={"evse_id": 3})).json()["items"]
    assert (item["evse_id"], item["payload"]) == (3, payload)
    assert (await api.get("/stations/CS1/meter-values", params={"evse_id": 1})).json()["items"] == []


@pytest.mark.parametrize("path", ["/transactions/none", "/transactions/none/events", "/transactions/none/meter-values"])
async def test_an_unknown_transaction_is_404(api, path):
    answer = await api.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("query", [{"state": "Open"}, {"cursor": "abc"}, {"since": "today"}, {"limit": 0}])
async def test_a_wrong_query_is_422(api, query):
    assert (await api.get("/transactions", params=query)).status_code == 422


async def test_a_cursor_of_another_list_is_422(world, api):
    for seq_no in range(2):
        await world.gateway.tell(world.event(seq_no))
    key = (await the_transaction(api))["id"]
    cursor = (await api.get(f"/transactions/{key}/events", params={"limit": 1})).json()["next_cursor"]
    assert (await api.get("/transactions", params={"cursor": cursor})).status_code == 422


async def test_scopes(api):
    read_only = {"Authorization": "Bearer reader"}
    assert (await api.get("/transactions", headers=read_only)).status_code == 200
    body = {"id_token": TOKEN}
    assert (await api.post("/stations/CS1/remote-start", json=body, headers=read_only)).status_code == 403
    assert (await api.post("/transactions/x/remote-stop", headers=read_only)).status_code == 403
    assert (await api.get("/transactions", headers={"Authorization": "Bearer nobody"})).status_code == 401


async def start(api: httpx2.AsyncClient, gateway: Any, response: dict[str, Any], **body: Any) -> tuple[Any, Any]:
    """POST remote-start and let the station answer; returns the HTTP answer and the payload the station got."""
    posted = asyncio.create_task(api.post("/stations/CS1/remote-start", json={"id_token": TOKEN, **body}))
    command = await gateway.answer(Outcome.OUTCOME_RESULT, response)
    return await posted, command


async def test_remote_start(world, api):
    await world.connect()
    answer, command = await start(api, world.gateway, {"status": "Accepted"}, evse_id=1)
    assert answer.status_code == 200
    body = answer.json()
    payload = httpx2.Response(200, content=command.payload).json()
    assert payload == {"remoteStartId": body["remote_start_id"], "idToken": TOKEN, "evseId": 1}
    assert 0 < body["remote_start_id"] < 2**31
    assert (command.action, command.origin, command.connection_id) == (
        "RequestStartTransaction", "transactions", "c-CS1",
    )  # fmt: skip
    assert (body["outcome"], body["response"], body["error"]) == ("result", {"status": "Accepted"}, None)
    assert body["call_id"] == command.correlation_id
    assert body["sent_at"].endswith("Z")


async def test_every_remote_start_has_an_id_of_its_own(world, api):
    await world.connect()
    ids = [(await start(api, world.gateway, {"status": "Rejected"}))[0].json()["remote_start_id"] for _ in range(3)]
    assert ids == sorted(set(ids))


async def test_our_spelling_of_a_token_is_taken_too_and_optional_objects_are_sent_verbatim(world, api):
    await world.connect()
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [
            {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}]}
        ],
    }
    answer, command = await start(
        api,
        world.gateway,
        {"status": "Accepted"},
        id_token={"id_token": "TAG", "type": "Central"},
        group_id_token={"idToken": "G", "type": "Central"},
        charging_profile=profile,
    )
    assert answer.status_code == 200
    payload = httpx2.Response(200, content=command.payload).json()
    assert payload["idToken"] == {"idToken": "TAG", "type": "Central"}
    assert payload["groupIdToken"] == {"idToken": "G", "type": "Central"}
    assert payload["chargingProfile"] == profile


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"id_token": {"idToken": "TAG", "type": "Card"}}, "/id_token/type"),
        ({"id_token": {"idToken": "x" * 37, "type": "Central"}}, "/id_token/idToken"),
        ({"id_token": TOKEN, "evse_id": 0}, "/evse_id"),
        ({"id_token": TOKEN, "charging_profile": {"id": 1}}, "/charging_profile"),
        ({}, "/id_token"),
    ],
)
async def test_what_the_station_could_not_take_is_422(world, api, body, pointer):
    await world.connect()
    answer = await api.post("/stations/CS1/remote-start", json=body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_a_profile_of_another_purpose_is_422(world, api):
    await world.connect()
    profile = {
        "id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative",
        "transactionId": "tx-9",
        "chargingSchedule": [
            {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8}]}
        ],
    }  # fmt: skip
    answer = await api.post("/stations/CS1/remote-start", json={"id_token": TOKEN, "charging_profile": profile})
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/charging_profile/chargingProfilePurpose",
        "/charging_profile/transactionId",
    ]


async def test_a_station_without_connection_is_409(api):
    answer = await api.post("/stations/CS1/remote-start", json={"id_token": TOKEN})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().items() >= {"outcome": "not_connected", "station_id": "CS1"}.items()


async def test_a_station_that_does_not_answer_is_504(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post("/stations/CS1/remote-start", json={"id_token": TOKEN}))
    command = await world.gateway.answer(Outcome.OUTCOME_TIMEOUT)
    answer = await posted
    assert answer.status_code == 504
    assert answer.json().items() >= {"outcome": "timeout", "call_id": command.correlation_id}.items()


async def test_a_gateway_that_tells_nothing_is_504(world, api):
    await world.connect()
    answer = await api.post("/stations/CS1/remote-start", params={"timeout_s": 0.1}, json={"id_token": TOKEN})
    assert answer.status_code == 504
    assert answer.json()["outcome"] == "timeout"


async def test_the_error_of_a_station_is_shown(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post("/stations/CS1/remote-start", json={"id_token": TOKEN}))
    await world.gateway.answer(Outcome.OUTCOME_ERROR)
    answer = await posted
    assert answer.status_code == 200
    assert (answer.json()["outcome"], answer.json()["error"]["code"]) == ("error", "NotSupported")


async def test_a_connection_that_is_gone_is_409(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post("/stations/CS1/remote-start", json={"id_token": TOKEN}))
    await world.gateway.answer(Outcome.OUTCOME_NOT_CONNECTED)
    answer = await posted
    assert (answer.status_code, answer.json()["outcome"]) == (409, "not_connected")


async def test_nobody_waits_with_respond_async(world, api):
    await world.connect()
    answer = await api.post(
        "/stations/CS1/remote-start", json={"id_token": TOKEN}, headers={"Prefer": "respond-async, wait=5"}
    )
    assert answer.status_code == 202
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    assert answer.headers["location"] == f"/api/v1/calls/{command.correlation_id}"


async def test_a_protocol_without_the_message_is_501(world, api):
    await world.connect(protocol="ocpp1.6")
    assert (await api.post("/stations/CS1/remote-start", json={"id_token": TOKEN})).status_code == 501


async def test_remote_stop_uses_the_stations_id(world, api):
    await world.connect()
    await world.gateway.tell(world.event(0, "Started", offline=True))
    key = (await the_transaction(api))["id"]
    posted = asyncio.create_task(api.post(f"/transactions/{key}/remote-stop"))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    assert (command.action, command.payload) == ("RequestStopTransaction", b'{"transactionId":"tx-1"}')
    answer = await posted
    assert (answer.status_code, answer.json()["response"]) == (200, {"status": "Accepted"})


async def test_an_ended_transaction_cannot_be_stopped(world, api):
    await world.connect()
    await world.gateway.tell(world.event(0, "Ended"))
    answer = await api.post(f"/transactions/{(await the_transaction(api))['id']}/remote-stop")
    assert answer.status_code == 409
    assert (await api.post("/transactions/none/remote-stop")).status_code == 404
