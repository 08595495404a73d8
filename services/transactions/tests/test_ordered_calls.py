"""Remote starts and stops are calls like others: device-mgmt records and sends them."""

import asyncio

import orjson
import pytest
from csms.v1.station_pb2 import CallOrderVerdict, CommandResult, Outcome, StationCommand
from csms_bus.requests import NotAsked, Requester
from csms_testing.databases import database_fixture
from csms_transactions.store import tables
from sqlalchemy import select

BODY = {"id_token": {"idToken": "TAG", "type": "ISO14443"}}
START = "/stations/CS1/remote-start"

database = database_fixture("csms_transactions", schema="transactions", dialects=["sqlite"])


def earlier(outcome, **more):
    payload = orjson.dumps({"remoteStartId": 7, "idToken": BODY["id_token"]})
    command = StationCommand(
        correlation_id="first", protocol="ocpp2.0.1", action="RequestStartTransaction", payload=payload
    )
    return CommandResult(command=command, outcome=outcome, **more)


async def noted(world):
    async with world.database.reading() as session:
        return (await session.execute(select(tables.remote_requests))).mappings().all()


async def test_a_call_is_ordered_of_device_mgmt(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post(START, json=BODY, headers={"Idempotency-Key": "k"}))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    await posted
    (order,) = world.devices.ordered
    assert (order.call_id, order.payload) == (command.correlation_id, command.payload)
    assert (order.origin, bool(order.requested_by), len(order.idempotency_key)) == ("transactions", True, 64)
    assert list(order.protocols) == ["ocpp2.0.1", "ocpp2.1"]


async def test_without_connection_it_is_not_sent(world, api):
    answer = await api.post(START, json=BODY)
    assert (answer.status_code, answer.json()["outcome"]) == (409, "not_connected")
    assert {order.call_id for order in world.devices.ordered} == {answer.json()["call_id"]}
    assert world.gateway.commands.empty()


async def test_a_station_that_connects_while_it_is_asked_is_sent_the_call(world, api, monkeypatch):
    monkeypatch.setattr("csms_transactions.orders.CONNECTING_S", 10)
    posted = asyncio.create_task(api.post(START, json=BODY))
    await world.eventually(lambda: world.devices.ordered)
    await world.connect()
    await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    answer = await posted
    assert (answer.status_code, answer.json()["outcome"]) == (200, "result")
    assert {order.call_id for order in world.devices.ordered} == {answer.json()["call_id"]}


async def test_a_station_boots_before_it_is_sent_the_call(world, api, monkeypatch):
    monkeypatch.setattr("csms_transactions.orders.FIRST_BOOT_S", 10)
    monkeypatch.setattr("csms_transactions.orders.CONNECTING_S", 0)
    await world.connect()
    world.devices.booting.add("CS1")
    posted = asyncio.create_task(api.post(START, json=BODY))
    await world.eventually(lambda: len(world.devices.ordered) > 1)
    assert world.gateway.commands.empty()
    world.devices.booting.clear()
    await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    assert (await posted).status_code == 200


async def test_with_too_many_that_wait_nothing_is_ordered(world, api, monkeypatch):
    def full(_self, _correlation_id):
        raise NotAsked("10000 questions are open already")

    await world.connect()
    monkeypatch.setattr(Requester, "expect", full)
    for prefer in ("", "respond-async"):
        answer = await api.post(START, json=BODY, headers={"Prefer": prefer})
        assert (answer.status_code, answer.json()["title"]) == (503, "Too many calls")
        assert int(answer.headers["retry-after"]) > 0
    assert (world.devices.ordered, await noted(world)) == ([], [])


async def test_what_was_not_sent_in_time_says_so(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post(START, json=BODY))
    await world.gateway.answer(Outcome.OUTCOME_TIMEOUT, sent=False)
    answer = await posted
    assert (answer.status_code, answer.json()["outcome"], answer.json()["sent_at"]) == (504, "timeout", None)
    assert "never sent" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (CallOrderVerdict.VERDICT_UNKNOWN_STATION, 404),
        (CallOrderVerdict.VERDICT_STATION_REJECTED, 409),
        (CallOrderVerdict.VERDICT_STATION_PENDING, 409),
        (CallOrderVerdict.VERDICT_KEY_REUSED, 422),
    ],
)
async def test_what_device_mgmt_refuses_is_not_sent(world, api, verdict, status):
    await world.connect()
    world.devices.verdict = verdict
    answer = await api.post(START, json=BODY)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert world.gateway.commands.empty()
    assert await noted(world) == []


async def test_without_device_mgmt_nobody_knows_whether_it_will_be_sent(world, api):
    await world.connect()
    world.devices.silent = True
    answer = await api.post(START, json=BODY)
    assert (answer.status_code, answer.json()["outcome"]) == (504, "unknown")
    (order,) = world.devices.ordered
    assert answer.json()["call_id"] == order.call_id
    assert len(await noted(world)) == 1  # for whatever comes of it


async def test_an_outcome_that_nobody_knows_is_504_with_the_time_it_was_sent(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post(START, json=BODY))
    await world.gateway.answer(Outcome.OUTCOME_UNKNOWN)
    answer = await posted
    assert (answer.status_code, answer.json()["outcome"]) == (504, "unknown")
    assert answer.json()["sent_at"].endswith("Z")

    async def outcome_noted():
        return (await noted(world))[0]["outcome"] == "unknown"

    await world.eventually(outcome_noted)


async def test_what_only_a_newer_version_allows_is_ordered_for_that_alone(world, api):
    token = {"idToken": "TAG", "type": "AnythingNew"}
    await world.connect(protocol="ocpp2.1")
    posted = asyncio.create_task(api.post(START, json={"id_token": token}))
    await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    assert (await posted).status_code == 200
    await world.connect(protocol="ocpp2.0.1")
    answer = await api.post(START, json={"id_token": token})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/id_token/type")


async def test_the_station_has_as_long_as_device_mgmt_says(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post(START, json=BODY))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    await posted
    assert world.devices.ordered[0].timeout_ms == 0
    assert command.timeout_ms == 2000


async def test_a_repeat_gets_the_earlier_answer(world, api):
    await world.connect()
    world.devices.verdict = CallOrderVerdict.VERDICT_REPEAT
    world.devices.earlier = earlier(Outcome.OUTCOME_RESULT, payload=b'{"status":"Rejected"}', completed_at_ms=1)
    answer = await api.post(START, json=BODY)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["call_id"], shown["remote_start_id"], shown["response"]) == ("first", 7, {"status": "Rejected"})
    assert world.gateway.commands.empty()


async def test_a_repeat_waits_for_the_earlier_answer(world, api):
    world.devices.verdict = CallOrderVerdict.VERDICT_REPEAT
    world.devices.earlier = earlier(Outcome.OUTCOME_UNSPECIFIED)
    posted = asyncio.create_task(api.post(START, json=BODY))
    await world.eventually(lambda: len(world.devices.ordered) > 1)
    world.devices.earlier = earlier(Outcome.OUTCOME_TIMEOUT)
    answer = await posted
    assert (answer.status_code, answer.json()["call_id"]) == (504, "first")


async def test_a_repeat_that_does_not_wait_is_told_where_to_look(world, api):
    world.devices.verdict = CallOrderVerdict.VERDICT_REPEAT
    world.devices.earlier = earlier(Outcome.OUTCOME_UNSPECIFIED)
    answer = await api.post(START, json=BODY, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.headers["location"]) == (202, "/api/v1/calls/first")
