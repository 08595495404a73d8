"""Calls that wait for their station: over HTTP, with a gateway that the test plays."""

from datetime import timedelta

import pytest
from csms.v1.station_pb2 import Outcome
from csms_device_mgmt.deliveries import waiting
from csms_runtime.clock import utcnow

RESET = {"type": "OnIdle"}


@pytest.fixture(autouse=True)
def _impatience(monkeypatch):
    monkeypatch.setattr(waiting, "BOOTS_WITHIN", timedelta(0))


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"station_waiting_calls": 2, "station_waiting_bytes": 1024})


def until(seconds=60):
    return (utcnow() + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
async def away(api, units, station_id):
    """A station that was accepted, and is not connected."""
    (await api.put(f"/stations/{station_id}", json={})).raise_for_status()
    async with units.open() as unit:
        row = await waiting.station_rows.find(unit.session, station_id)
        row.registration_status = "Accepted"
    return station_id


@pytest.fixture
def keep(api, away):
    async def post(action="Reset", payload=RESET, **params):
        params = {"deliver_until": until(), **params}
        return await api.post(f"/stations/{away}/calls/{action}", json=payload, params=params)

    return post


@pytest.fixture
def over(api, eventually):
    async def wait(call_id):
        async def completed():
            call = (await api.get(f"/calls/{call_id}")).json()
            return call if call["state"] == "completed" else None

        return await eventually(completed)

    return wait


async def test_a_call_waits_until_its_station_is_back(api, gateway, away, keep, over):
    answers = [await keep(payload={"type": kind}) for kind in ("OnIdle", "Immediate")]
    assert [answer.status_code for answer in answers] == [202, 202]
    first, second = (answer.json() for answer in answers)
    assert (first["state"], first["outcome"], first["sent_at"]) == ("waiting", None, None)
    assert answers[0].headers["Location"].endswith(f"/calls/{first['call_id']}")
    await gateway.connect(away)
    assert (await over(first["call_id"]))["outcome"] == "result"
    assert (await over(second["call_id"]))["outcome"] == "result"
    assert gateway.sent == [("Reset", {"type": "OnIdle"}), ("Reset", {"type": "Immediate"})]
    await gateway.disconnect(away)
    await gateway.connect(away, "c2")
    third = (await api.post(f"/stations/{away}/calls/Reset", json=RESET)).json()
    assert (third["outcome"], len(gateway.sent)) == ("result", 3)


async def test_a_call_that_is_too_late_was_never_sent(gateway, keep, over):
    call_id = (await keep(deliver_until=until(0.3))).json()["call_id"]
    call = await over(call_id)
    assert (call["outcome"], call["sent_at"], gateway.sent) == ("not_connected", None, [])


async def test_a_connected_station_gets_it_at_once(api, connected):
    params = {"deliver_until": until()}
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET, params=params)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "result")


async def test_a_connection_that_was_gone_makes_it_wait(api, gateway, connected, units, over):
    gateway.respond = lambda _action, _payload: Outcome.OUTCOME_NOT_CONNECTED
    params = {"deliver_until": until()}
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET, params=params)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    async with units.open() as unit:
        (await waiting.station_rows.find(unit.session, connected)).registration_status = "Accepted"
    gateway.respond = lambda _action, _payload: {"status": "Accepted"}
    await gateway.connect(connected, "c2")
    assert (await over(answer.json()["call_id"]))["outcome"] == "result"
    assert [command.connection_id for command in gateway.commands] == ["c1", "c2"]


async def test_replaced_and_cancelled(api, gateway, away, keep, over):
    first, other = (await keep()).json(), (await keep("ClearCache", {})).json()
    second = (await keep(replace=True)).json()
    replaced = (await api.get(f"/calls/{first['call_id']}")).json()
    assert (replaced["outcome"], replaced["error"]["code"]) == ("cancelled", "Replaced")
    for _ in range(2):
        answer = await api.post(f"/calls/{other['call_id']}/cancel")
        assert (answer.status_code, answer.json()["outcome"]) == (200, "cancelled")
    await gateway.connect(away)
    assert (await over(second["call_id"]))["outcome"] == "result"
    assert gateway.sent == [("Reset", RESET)]
    assert (await api.post(f"/calls/{second['call_id']}/cancel")).status_code == 409
    assert (await api.post("/calls/nothing/cancel")).status_code == 404


async def test_a_repeat_is_the_same_call(api, away):
    params, headers = {"deliver_until": until()}, {"Idempotency-Key": "k"}
    calls = [
        (await api.post(f"/stations/{away}/calls/Reset", json=RESET, params=params, headers=headers)).json()
        for _ in range(2)
    ]
    assert calls[0]["call_id"] == calls[1]["call_id"]


async def test_so_many_may_wait(keep):
    large = {"vendorId": "V", "data": "x" * 1000}
    assert (await keep("DataTransfer", large)).status_code == 429
    statuses = [(await keep()).status_code for _ in range(3)]
    assert (statuses, (await keep(replace=True)).status_code) == ([202, 202, 429], 202)


async def test_what_does_not_wait(api, keep):
    start = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1}
    assert (await keep("RequestStartTransaction", start)).status_code == 422
    assert (await keep(deliver_until=until(-1))).status_code == 422
    assert (await keep(deliver_until=until(100 * 86400))).status_code == 422
    assert (await keep("NoSuchAction", {})).status_code == 404
    assert (await api.post("/stations/CS1/calls/Reset", json=RESET, params={"replace": True})).status_code == 422


async def test_what_does_not_fit_any_more_is_not_sent(gateway, away, keep, over):
    call_id = (await keep()).json()["call_id"]
    await gateway.connect(away, protocol="ocpp1.6")
    call = await over(call_id)
    assert (call["outcome"], call["error"]["source"], call["sent_at"], gateway.sent) == ("error", "csms", None, [])


async def test_a_job_for_many_waits_too(api, gateway, away, eventually):
    body = {"action": "Reset", "payload": RESET, "select": {"ids": [away]}, "deliver_until": until()}
    bulk_id = (await api.post("/bulk", json=body)).json()["id"]

    async def deferred():
        return (await api.get(f"/bulk/{bulk_id}")).json()["counts"]["deferred"]

    await eventually(deferred)
    assert (await api.post(f"/bulk/{bulk_id}/cancel")).status_code == 200

    async def cancelled():
        job = (await api.get(f"/bulk/{bulk_id}")).json()
        return job["finished_at"] and job["counts"]["cancelled"]

    await eventually(cancelled)
    await gateway.connect(away)
    assert (await api.post(f"/stations/{away}/calls/ClearCache", json={})).json()["outcome"] == "result"
    assert gateway.sent == [("ClearCache", {})]
