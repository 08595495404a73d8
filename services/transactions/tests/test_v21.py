"""OCPP 2.1: a session with what its messages have more, and the commands, which are those of 2.0.1."""

import asyncio
import json
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import IdTokenInfo
from csms.v1.station_pb2 import Outcome
from csms_ocpp.validation import all_violations_request, validate_response
from csms_ocpp.versions import VERSIONS, Protocol
from csms_runtime.clock import utcnow
from csms_transactions.store import remote_requests
from csms_transactions.store.remote_requests import RemoteRequest
from csms_transactions.versions import of

V21 = "ocpp2.1"
COST = {
    "totalCost": {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": 10.0, "inclTax": 12.1}},
    "totalUsage": {"energy": 0.6, "chargingTime": 3600, "idleTime": 60},
}


@pytest.fixture
def tell(world):
    """Sends a TransactionEvent of 2.1, valid by its schema; returns the answer, which is valid too."""

    async def send(payload: dict[str, Any]) -> Any:
        assert all_violations_request(Protocol.OCPP21, "TransactionEvent", payload) == []
        reply = await world.gateway.call("CS1", "TransactionEvent", payload, protocol=V21)
        assert reply.WhichOneof("outcome") == "payload", reply
        answer = orjson.loads(reply.payload)
        assert validate_response(Protocol.OCPP21, "TransactionEvent", answer) is None
        return answer

    return send


def test_its_messages_are_messages_of_stations() -> None:
    version = of(V21)
    assert version is not None
    for action in (*version.events, *version.meter_values):
        assert VERSIONS[Protocol.OCPP21].actions[action].from_station


async def test_a_session_with_limits_costs_and_a_resumption(world, api, tell):
    token = {"idToken": "P" * 255, "type": "DirectPayment"}
    world.auth.tokens[token["idToken"]] = IdTokenInfo(status="Accepted")
    started = world.event(0, "Started", energy=1000, triggerReason="Authorized", idToken=token, evse={"id": 1})
    assert await tell(started) == {"idTokenInfo": {"status": "Accepted"}}
    limit = {"transactionLimit": {"maxCost": 20.5, "maxEnergy": 5000, "maxTime": 3600, "maxSoC": 80}}
    assert await tell(world.event(1, triggerReason="LimitSet", info=limit)) == {}
    more = {"evseSleep": True, "preconditioningStatus": "Ready"}
    mode = {"operationMode": "CentralSetpoint", "tariffId": "t-1", "chargingState": "Charging"}
    assert await tell(world.event(2, triggerReason="TxResumed", info=mode, **more)) == {}
    ended = world.event(3, "Ended", energy=1600, triggerReason="CostLimitReached", costDetails=COST)
    ended["transactionInfo"]["stoppedReason"] = "ReqEnergyTransferRejected"
    assert await tell(ended) == {}
    (shown,) = (await api.get("/transactions")).json()["items"]
    told = ("state", "evse_id", "id_token", "id_token_type", "energy_wh", "event_count", "gaps", "stopped_reason")
    assert [shown[name] for name in told] == [
        "Ended",
        1,
        token["idToken"],
        "DirectPayment",
        600,
        4,
        [],
        "ReqEnergyTransferRejected",
    ]
    assert shown["details"] == {"operationMode": "CentralSetpoint", "tariffId": "t-1", "costDetails": COST, **limit}
    events = (await api.get(f"/transactions/{shown['id']}/events")).json()["items"]
    assert {event["protocol"] for event in events} == {V21}
    assert events[1]["payload"]["transactionInfo"]["transactionLimit"] == limit["transactionLimit"]
    assert events[3]["payload"]["costDetails"] == COST


async def test_meter_values_of_a_register_count(world, api, tell):
    await tell(world.event(0, "Started", energy=1000, evse={"id": 1}))
    sampled = [
        {"value": 1200, "context": "Sample.Clock"},
        {"value": 55, "measurand": "Display.PresentSOC"},
        {"value": 1300, "location": "Upstream", "signedMeterValue": {"signedMeterData": "A", "encodingMethod": "B"}},
    ]
    payload = {"evseId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:30Z", "sampledValue": sampled}]}
    assert all_violations_request(Protocol.OCPP21, "MeterValues", payload) == []
    reply = await world.gateway.call("CS1", "MeterValues", payload, protocol=V21)
    assert orjson.loads(reply.payload) == {}
    items = (await api.get("/stations/CS1/meter-values")).json()["items"]
    assert [item["payload"] for item in items] == [payload]


async def test_a_key_code_is_kept_nowhere(world, api, tell):
    token = {"idToken": "1234", "type": "KeyCode"}
    await tell(world.event(0, "Started", idToken=token))
    (shown,) = (await api.get("/transactions")).json()["items"]
    assert shown["id_token"] == "***"
    assert "1234" not in (await api.get(f"/transactions/{shown['id']}/events")).text


async def test_details_come_in_the_order_of_seq_no_and_each_stays_until_it_is_told_again(world, api, tell):
    limits = [{"maxCost": float(number)} for number in range(3)]
    for number in (0, 2, 1):
        info = {"transactionLimit": limits[number]}
        await tell(world.event(number, "Updated" if number else "Started", info=info))
    await tell(world.event(3))
    (shown,) = (await api.get("/transactions")).json()["items"]
    assert shown["details"] == {"transactionLimit": limits[2]}


async def test_what_has_no_limit_of_size_is_in_the_event_alone(world, api, tell):
    period = {"startPeriod": "2026-01-01T00:00:00Z", "tariffId": "t-1"}
    vendors = {"vendorId": "org.example", "more": "x" * 1000}
    price = {"exclTax": 1.0, "taxRates": [{"type": "VAT", "tax": 21.0}], "customData": vendors}
    cost = {**COST, "totalCost": {**COST["totalCost"], "energy": price}, "chargingPeriods": [period] * 50}
    await tell(world.event(0, "Started", costDetails={**cost, "customData": vendors}))
    (shown,) = (await api.get("/transactions")).json()["items"]
    assert shown["details"] == {"costDetails": COST}


async def test_a_transaction_of_2_0_1_has_no_details(world, api):
    await world.gateway.tell(world.event(0, "Started"))
    (shown,) = (await api.get("/transactions")).json()["items"]
    assert shown["details"] is None


# ---- Limits of the CSMS (E16, F07) -----------------------------------------------------------------------------------
TOKEN = {"idToken": "TAG", "type": "ISO14443"}
LIMIT = {"maxCost": 20.5, "maxEnergy": 5000.0, "maxTime": 3600, "maxSoC": 80}


@pytest.fixture
def started(world, api):
    """Starts from afar with a limit; returns the remoteStartId."""

    async def start(limit: dict[str, float] | None = LIMIT) -> int:
        await world.connect(protocol=V21)
        world.auth.tokens["TAG"] = IdTokenInfo(status="Accepted")
        body = {"id_token": TOKEN, **({} if limit is None else {"transaction_limit": limit})}
        asking = asyncio.create_task(api.post("/stations/CS1/remote-start", json=body))
        command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
        payload = orjson.loads(command.payload)
        assert payload.keys() == {"idToken", "remoteStartId"}
        assert (await asking).status_code == 200
        return payload["remoteStartId"]  # type: ignore[no-any-return]

    return start


@pytest.mark.parametrize("token", [{}, {"idToken": TOKEN}])
async def test_a_limit_is_told_with_the_first_event_and_with_its_repeat(world, tell, started, token):
    info = {"remoteStartId": await started()}
    first = world.event(0, "Started", triggerReason="RemoteStart", info=info, **token)
    for _ in range(2):
        answer = await tell(first)
        assert answer["transactionLimit"] == LIMIT
        assert ("idTokenInfo" in answer) == bool(token)
    assert "transactionLimit" not in await tell(world.event(1, info=info))


async def test_a_limit_counts_however_the_caller_spells_the_station(world, tell):
    """A station without any transaction, of which nothing is stored here that has its spelling."""
    start = ("RequestStartTransaction", utcnow(), 7)
    async with world.database.transaction() as session:
        await remote_requests.add(session, RemoteRequest("call-1", "cs1", *start, transaction_limit=LIMIT))
        await remote_requests.add(session, RemoteRequest("call-2", "CS2", *start, transaction_limit={"maxSoC": 1}))
    info = {"remoteStartId": 7}
    assert (await tell(world.event(0, "Started", triggerReason="RemoteStart", info=info)))["transactionLimit"] == LIMIT


@pytest.fixture
def limit(api):
    """Sets the limits of the only transaction that runs; returns the answer."""

    async def put(limit: dict[str, float], status: int = 200) -> Any:
        (shown,) = (await api.get("/transactions")).json()["items"]
        answer = await api.put(f"/transactions/{shown['id']}/limit", json=limit)
        assert answer.status_code == status, answer.text
        return answer.json()

    return put


@pytest.fixture
def limit_shown(api):
    """What is shown of the limits of the only transaction."""

    async def read() -> tuple[Any, bool]:
        (item,) = (await api.get("/transactions")).json()["items"]
        shown = (await api.get(f"/transactions/{item['id']}")).json()
        return shown["transaction_limit"], shown["transaction_limit_told_at"] is not None

    return read


@pytest.mark.parametrize("token", [{}, {"idToken": TOKEN}])
async def test_a_limit_of_a_running_transaction_is_told_with_its_next_event_once(
    world, tell, limit, limit_shown, token
):
    world.auth.tokens["TAG"] = IdTokenInfo(status="Accepted")
    await tell(world.event(0, "Started"))
    assert (await limit({"maxSoC": 50}))["transaction_limit"] == {"maxSoC": 50}
    await limit(LIMIT)
    assert await limit_shown() == (LIMIT, False)
    following = world.event(1, **token)
    for _ in range(2):  # repeated, for the answer did not arrive
        assert (await tell(following))["transactionLimit"] == LIMIT
        assert await limit_shown() == (LIMIT, True)
    assert await tell(world.event(2, info={"transactionLimit": LIMIT})) == {}
    await limit({"maxEnergy": 9000})
    assert await limit_shown() == ({"maxEnergy": 9000}, False)
    assert await tell(world.event(3)) == {"transactionLimit": {"maxEnergy": 9000}}


async def test_credit_does_not_lift_a_limit_that_was_told(world, tell, limit):
    world.auth.tokens["TAG"] = IdTokenInfo(status="Accepted", credit="20", credit_currency="EUR")
    assert (await tell(world.event(0, "Started", idToken=TOKEN)))["transactionLimit"] == {"maxCost": 20}
    await limit({"maxCost": 5, "maxTime": 60})
    assert (await tell(world.event(1)))["transactionLimit"] == {"maxCost": 5, "maxTime": 60}
    assert (await tell(world.event(2, idToken=TOKEN)))["transactionLimit"] == {"maxCost": 5}
    await limit({"maxCost": 30})
    assert (await tell(world.event(3, idToken=TOKEN)))["transactionLimit"] == {"maxCost": 20}


async def test_a_limit_is_of_the_transaction_that_runs_and_not_of_others(world, tell, limit):
    await tell(world.event(0, "Started"))
    await limit(LIMIT)
    assert await tell(world.event(0, "Started", info={"transactionId": "tx-other"})) == {}
    assert await tell(world.event(1, "Ended")) == {}
    await tell(world.event(0, "Started", info={"transactionId": "tx-1"}, timestamp="2026-01-02T00:00:00Z"))


async def test_only_what_runs_and_speaks_a_version_with_limits_can_be_limited(world, api, tell, limit):
    assert (await api.put("/transactions/nothing/limit", json=LIMIT)).status_code == 404
    await world.gateway.tell(world.event(0, "Started"))
    await limit(LIMIT, 422)
    await tell(world.event(1))
    await limit({}, 422)
    await limit(LIMIT)
    await tell(world.event(2, "Ended"))
    await limit(LIMIT, 409)


async def test_a_transaction_that_the_cable_started_is_told_when_the_request_takes_it(world, tell, started):
    """F02: the Started event came before."""
    assert await tell(world.event(0, "Started", triggerReason="CablePluggedIn")) == {}
    info = {"remoteStartId": await started({"maxEnergy": 10})}
    assert await tell(world.event(1, triggerReason="RemoteStart", info=info)) == {"transactionLimit": {"maxEnergy": 10}}


@pytest.mark.parametrize(
    ("told", "answered"),
    [({"maxEnergy": 5000, "maxCost": 1}, {"maxTime": 3600, "maxSoC": 80}), (LIMIT, None), ({"maxCost": 99}, LIMIT)],
)
async def test_limits_of_the_station_that_are_as_low_are_not_told_again(world, tell, started, told, answered):
    """E16.FR.07 and E16.FR.08."""
    info = {"remoteStartId": await started(), "transactionLimit": told}
    assert (await tell(world.event(0, "Started", info=info))).get("transactionLimit") == answered


async def test_who_may_not_charge_is_told_no_limit(world, tell, started):
    info = {"remoteStartId": await started()}
    world.auth.tokens["TAG"] = IdTokenInfo(status="Blocked")
    assert await tell(world.event(0, "Started", idToken=TOKEN, info=info)) == {"idTokenInfo": {"status": "Blocked"}}


async def test_without_a_limit_and_for_ids_that_are_not_ours_nothing_is_told(world, tell, started):
    start_id = await started(None)
    assert await tell(world.event(0, "Started", info={"remoteStartId": start_id})) == {}
    other = {"remoteStartId": start_id + 1, "transactionId": "tx-other"}
    assert await tell(world.event(0, "Started", info=other)) == {}


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_other_versions_have_no_limits(world, api, protocol):
    await world.connect(protocol=protocol)
    answer = await api.post("/stations/CS1/remote-start", json={"id_token": TOKEN, "transaction_limit": LIMIT})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/transaction_limit"]


@pytest.mark.parametrize("limit", [{}, {"maxSoC": 101}, {"maxTime": 0}, {"maxPower": 1}, {"maxCost": -1}])
async def test_limits_that_make_no_sense_are_refused(api, limit):
    body = {"id_token": TOKEN, "transaction_limit": limit}
    assert (await api.post("/stations/CS1/remote-start", json=body)).status_code == 422


@pytest.mark.parametrize("number", ["1e400", "Infinity", "NaN"])
async def test_limits_that_are_no_numbers_are_refused(api, number):
    body = json.dumps({"id_token": TOKEN, "transaction_limit": {"maxCost": "?"}}).replace('"?"', number)
    answer = await api.post("/stations/CS1/remote-start", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
