"""What a hostile station sends gets its answer, and everybody else goes on as before."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from csms_testing.hostile.bombs import BOMBS
from csms_testing.hostile.heavy import HEAVY
from csms_testing.hostile.message import Message
from csms_testing.hostile.odd import grown, odd_calls, odd_errors, odd_results
from csms_testing.hostile.scripted import ANSWER_S, TIME, Scripted
from csms_testing.hostile.wire import Closed

PASSWORD = "a-long-enough-password"
SOON_S = 3.0
"""Each takes milliseconds; before they were bounded it was ten seconds and more. The rest is a busy machine."""


@pytest.fixture
async def station(system, api, station_id) -> AsyncIterator[Scripted]:
    body = {"security_profile": 1, "password": PASSWORD, "registration": "Accepted"}
    (await api.put(f"/stations/{station_id}", json=body)).raise_for_status()
    made = await Scripted.connected(system.ocpp_urls[0], station_id, PASSWORD)
    assert await made.boot() == "Accepted"
    yield made
    made.wire.abort()


def wrong_items(action: str, payload: dict[str, object], field: str, count: int) -> Message:
    text = json.dumps(payload)[:-1] + f', "{field}": [' + ",".join(["{}"] * count) + "]}"
    return Message.call(action, text.encode())


EVENTS = {"generatedAt": TIME, "seqNo": 0}
REPORT = {"requestId": 1, "generatedAt": TIME, "seqNo": 0}
TRANSACTION = {
    "eventType": "Updated",
    "timestamp": TIME,
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 1,
    "transactionInfo": {"transactionId": "bomb"},
}


@pytest.mark.parametrize(
    ("action", "payload", "field"),
    [
        ("NotifyEvent", EVENTS, "eventData"),
        ("NotifyReport", REPORT, "reportData"),
        ("TransactionEvent", TRANSACTION, "meterValue"),
        ("MeterValues", {"evseId": 1}, "meterValue"),
    ],
)
async def test_thousands_of_wrong_items_cost_as_much_as_one(station, action, payload, field):
    message = wrong_items(action, payload, field, 80_000)
    assert len(message.deflated("bomb")) < 1000
    answer = await station.send(message, "bomb", within_s=SOON_S)
    assert answer[:3] == [4, "bomb", "OccurrenceConstraintViolation"]
    assert await station.unserved() == []


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_at_once(station, name):
    answer = await station.send(BOMBS[name][1](), "bomb", within_s=SOON_S)
    if name in {"bomb-string", "bomb-arrays-within", "bomb-keys-within"}:  # allowed, if odd
        assert answer[0] == 3
    else:
        assert answer[0] == 4
        assert answer[2] in {
            "FormatViolation",
            "OccurrenceConstraintViolation",
            "PropertyConstraintViolation",
            "RpcFrameworkError",
            "NotImplemented",
            "TypeConstraintViolation",
        }
    assert len(json.dumps(answer)) < 2000
    assert await station.unserved() == []


async def test_a_bomb_of_a_station_without_registration_is_refused_too(system, api, station_id):
    body = {"security_profile": 1, "password": PASSWORD, "registration": "Pending"}
    (await api.put(f"/stations/{station_id}", json=body)).raise_for_status()
    station = await Scripted.connected(system.ocpp_urls[0], station_id, PASSWORD)
    try:
        assert await station.boot() == "Pending"
        answer = await station.send(wrong_items("NotifyEvent", EVENTS, "eventData", 80_000), "bomb", within_s=SOON_S)
        assert answer[:2] == [4, "bomb"]
    finally:
        station.wire.abort()


async def test_numbers_that_grow_when_they_are_written_out_stop_nobody(station, api, station_id):
    for number, message in enumerate(grown()):
        answer = await station.send(message, f"grown-{number}")
        assert answer[0] == 3 or answer[2] != "InternalError", answer
        assert await station.unserved() == []
    shown, cursor = [], {}
    while cursor is not None:
        page = (await api.get(f"/stations/{station_id}/notifications", params=cursor)).json()
        shown += [item["action"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert "SecurityEventNotification" in shown


async def test_texts_in_which_secrets_are_looked_for_hold_nobody_up(station):
    for number, message in enumerate(HEAVY["heavy-addresses"][1]()):
        answer = await station.send(message, f"address-{number}", within_s=SOON_S)
        assert answer[:2] == [3, f"address-{number}"]
        assert await station.unserved() == []


async def test_odd_values_are_answered_and_nothing_stops(station):
    wrong = []
    for number, message in enumerate(odd_calls()):
        answer = await station.send(message, f"odd-{number}")
        if answer[0] == 4 and answer[2] in {"InternalError", "GenericError"}:
            wrong.append((message, answer))
    assert not wrong, f"{len(wrong)}: {wrong[:3]}"
    assert await station.unserved() == []


SEND = [6, "m", "NotifyPeriodicEventStream", {"id": 1, "pending": 0, "basetime": TIME, "data": []}]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (SEND, "MessageTypeNotSupported"),
        ([2, "m", "NotifyPeriodicEventStream", {}], "NotImplemented"),
        ([2, "m", "Nope", {}], "NotImplemented"),
        ([2, "m", "Reset", {"type": "Immediate"}], "NotSupported"),
    ],
)
async def test_what_is_not_for_a_csms_is_refused(station, message, code):
    await station.write(message)
    answer = await station.answer("m")
    assert answer[0] == 4
    assert answer[2] == code
    assert await station.unserved() == []


async def commanded(api, station: Scripted, station_id: str, answers: Sequence[Message]) -> list[dict]:
    """Send as many commands as there are answers; what the API says of each."""
    payload = {"getVariableData": [{"component": {"name": "C"}, "variable": {"name": "V"}}]}
    outcomes = []
    for answer in answers:
        post = api.post(f"/stations/{station_id}/calls/GetVariables", json=payload, params={"timeout_s": 5})
        sent = asyncio.create_task(post)
        await station.wire.write(answer.deflated(await station.command("GetVariables")))
        response = await sent
        outcomes.append({"status": response.status_code, **response.json()})
    return outcomes


async def test_errors_that_nothing_can_store_are_outcomes_all_the_same(station, api, station_id):
    outcomes = await commanded(api, station, station_id, odd_errors())
    assert outcomes[0]["outcome"] == "error"  # others are no JSON for everyone: then there was no answer
    assert {outcome["outcome"] for outcome in outcomes} <= {"error", "timeout"}
    assert {outcome["status"] for outcome in outcomes} <= {200, 504}
    assert max(len(json.dumps(outcome)) for outcome in outcomes) < 100_000
    listed = await api.get(f"/stations/{station_id}/calls")
    assert listed.status_code == 200
    assert await station.unserved() == []


@pytest.mark.alone
async def test_results_that_are_bombs_are_errors_at_once(station, api, station_id):
    began = time.monotonic()
    outcomes = await commanded(api, station, station_id, odd_results()[:1])
    assert outcomes[0]["outcome"] == "error"
    assert time.monotonic() - began < SOON_S
    assert await station.unserved() == []


async def test_a_command_that_was_sent_is_not_sent_again_on_the_next_connection(system, station, api, station_id):
    payload = {"evseId": 1, "connectorId": 1}
    post = api.post(f"/stations/{station_id}/calls/UnlockConnector", json=payload, params={"timeout_s": 20})
    sent = asyncio.create_task(post)
    message_id = await station.command("UnlockConnector")
    again = await Scripted.connected(
        system.ocpp_urls[0], station_id, PASSWORD
    )  # the old socket is half open: the CSMS has not noticed
    try:
        response = await sent
        assert response.status_code == 504
        assert response.json()["outcome"] == "unknown"
        assert response.json()["sent_at"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                assert await again.command("UnlockConnector") != message_id
        assert await again.unserved() == []
    finally:
        again.wire.abort()


async def until(ask, wanted):
    """Ask the API until its answer is as wanted; the answer."""
    async with asyncio.timeout(ANSWER_S):
        while not wanted(response := await ask()):  # noqa: ASYNC110  # another process: nothing here can tell when
            await asyncio.sleep(0.1)
    return response


async def test_who_is_not_connected_gets_the_command_when_it_is_tried_again(system, api, station_id):
    body = {"security_profile": 1, "password": PASSWORD, "registration": "Accepted"}
    (await api.put(f"/stations/{station_id}", json=body)).raise_for_status()

    def post():
        return api.post(f"/stations/{station_id}/calls/ClearCache", json={}, headers={"Idempotency-Key": station_id})

    early = await post()
    assert (early.status_code, early.json()["outcome"]) == (409, "not_connected")
    station = await Scripted.connected(system.ocpp_urls[0], station_id, PASSWORD)
    try:
        await station.boot()
        async with asyncio.TaskGroup() as group:
            sent = group.create_task(until(post, lambda response: response.status_code != 409))
            message_id = await station.command("ClearCache")
            await station.write([3, message_id, {"status": "Accepted"}])
        assert sent.result().json()["response"] == {"status": "Accepted"}
    finally:
        station.wire.abort()


async def test_a_connection_that_the_csms_ended_is_shown_closed(station, api, station_id):
    (await api.delete(f"/stations/{station_id}")).raise_for_status()
    with pytest.raises(Closed):
        await station.command("never")
    (await api.put(f"/stations/{station_id}", json={"registration": "Accepted"})).raise_for_status()
    shown = await until(lambda: api.get(f"/stations/{station_id}"), lambda response: not response.json()["connected"])
    connection = shown.json()["connection"]
    assert connection is None or connection["closed_at"]
    listed = (await api.get("/stations", params={"connected": True})).json()["items"]
    assert station_id not in {item["id"] for item in listed}
