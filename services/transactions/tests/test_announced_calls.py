"""Remote starts and stops are calls like others: in device-mgmt's history before they are sent."""

import asyncio

import orjson
import pytest
from csms.v1.station_pb2 import CallAnnounced, CommandResult, Outcome, StationCommand
from csms_testing.databases import database_fixture

BODY = {"id_token": {"idToken": "TAG", "type": "ISO14443"}}
START = "/stations/CS1/remote-start"

database = database_fixture("csms_transactions", schema="transactions", dialects=["sqlite"])


def earlier(outcome, **more):
    payload = orjson.dumps({"remoteStartId": 7, "idToken": BODY["id_token"]})
    command = StationCommand(correlation_id="first", action="RequestStartTransaction", payload=payload)
    return CommandResult(command=command, outcome=outcome, **more)


async def test_a_call_is_recorded_before_it_is_sent(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post(START, json=BODY, headers={"Idempotency-Key": "k"}))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    await posted
    (asked,) = world.devices.announced
    assert asked.command.correlation_id == command.correlation_id
    assert asked.command.payload == command.payload
    assert (asked.idempotency_key, asked.not_connected, bool(asked.requested_by)) == ("k", False, True)


async def test_without_connection_it_is_recorded_as_not_sent(world, api):
    answer = await api.post(START, json=BODY)
    assert answer.status_code == 409
    (asked,) = world.devices.announced
    assert asked.not_connected
    assert answer.json()["call_id"] == asked.command.correlation_id
    assert world.gateway.commands.empty()


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (CallAnnounced.VERDICT_UNKNOWN_STATION, 404),
        (CallAnnounced.VERDICT_STATION_REJECTED, 409),
        (CallAnnounced.VERDICT_STATION_PENDING, 409),
        (CallAnnounced.VERDICT_KEY_REUSED, 422),
    ],
)
async def test_what_device_mgmt_refuses_is_not_sent(world, api, verdict, status):
    await world.connect()
    world.devices.verdict = verdict
    answer = await api.post(START, json=BODY)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert world.gateway.commands.empty()


async def test_without_device_mgmt_nothing_is_sent(world, api):
    await world.connect()
    world.devices.silent = True
    answer = await api.post(START, json=BODY)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert world.gateway.commands.empty()


async def test_the_station_has_as_long_as_device_mgmt_says(world, api):
    await world.connect()
    posted = asyncio.create_task(api.post(START, json=BODY))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    await posted
    assert world.devices.announced[0].command.timeout_ms == 0
    assert command.timeout_ms == 500


async def test_a_repeat_gets_the_earlier_answer(world, api):
    await world.connect()
    world.devices.verdict = CallAnnounced.VERDICT_REPEAT
    world.devices.earlier = earlier(Outcome.OUTCOME_RESULT, payload=b'{"status":"Rejected"}', completed_at_ms=1)
    answer = await api.post(START, json=BODY)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["call_id"], shown["remote_start_id"], shown["response"]) == ("first", 7, {"status": "Rejected"})
    assert world.gateway.commands.empty()


async def test_a_repeat_waits_for_the_earlier_answer(world, api):
    world.devices.verdict = CallAnnounced.VERDICT_REPEAT
    world.devices.earlier = earlier(Outcome.OUTCOME_UNSPECIFIED)
    posted = asyncio.create_task(api.post(START, json=BODY))
    await world.eventually(lambda: len(world.devices.announced) > 1)
    world.devices.earlier = earlier(Outcome.OUTCOME_TIMEOUT)
    answer = await posted
    assert (answer.status_code, answer.json()["call_id"]) == (504, "first")


async def test_a_repeat_that_does_not_wait_is_told_where_to_look(world, api):
    world.devices.verdict = CallAnnounced.VERDICT_REPEAT
    world.devices.earlier = earlier(Outcome.OUTCOME_UNSPECIFIED)
    answer = await api.post(START, json=BODY, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.headers["location"]) == (202, "/api/v1/calls/first")
