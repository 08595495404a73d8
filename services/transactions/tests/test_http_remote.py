"""Remote start and stop, through the ASGI app."""

import asyncio
from typing import Any

import httpx2
import orjson
import pytest
from csms.v1.station_pb2 import Outcome
from csms_testing.databases import database_fixture

TOKEN = {"idToken": "TAG", "type": "ISO14443"}

database = database_fixture("csms_transactions", schema="transactions", dialects=["sqlite"])


async def the_transaction(api: httpx2.AsyncClient) -> dict[str, Any]:
    (item,) = (await api.get("/transactions")).json()["items"]
    return item


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
    payload = orjson.loads(command.payload)
    assert payload == {"remoteStartId": body["remote_start_id"], "idToken": TOKEN, "evseId": 1}
    assert 0 < body["remote_start_id"] < 2**31
    assert (command.action, command.origin) == ("RequestStartTransaction", "transactions")
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
    payload = orjson.loads(command.payload)
    assert payload["idToken"] == {"idToken": "TAG", "type": "Central"}
    assert payload["groupIdToken"] == {"idToken": "G", "type": "Central"}
    assert payload["chargingProfile"] == profile


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"id_token": {"idToken": "TAG", "type": "Card"}}, "/id_token/type"),
        ({"id_token": {"idToken": "x" * 37, "type": "Central"}}, "/id_token/idToken"),
        ({"id_token": {"idToken": "", "type": "Central"}}, "/id_token/idToken"),
        ({"id_token": TOKEN, "evse_id": 0}, "/evse_id"),
        ({"id_token": TOKEN, "charging_profile": {"id": 1}}, "/charging_profile/stackLevel"),
        ({"id_token": TOKEN | {"x": "a\0b"}}, "/id_token/x"),
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


async def test_the_rules_of_profiles_are_those_of_calls(world, api):
    await world.connect()
    profile = {
        "id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 60, "limit": 7}]}
        ],
    }  # fmt: skip
    answer = await api.post("/stations/CS1/remote-start", json={"id_token": TOKEN, "charging_profile": profile})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/charging_profile/chargingSchedule/0/startSchedule",
        "/charging_profile/chargingSchedule/0/chargingSchedulePeriod/0/startPeriod",
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


async def test_when_nothing_is_known_in_time_it_is_504(world, api):
    await world.connect()
    answer = await api.post("/stations/CS1/remote-start", params={"timeout_s": 0.1}, json={"id_token": TOKEN})
    assert answer.status_code == 504
    assert answer.json()["outcome"] == "unknown"


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
    await world.gateway.answer(Outcome.OUTCOME_NOT_CONNECTED, sent=False)
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
    await world.connect(protocol="ocpp9.9")
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
