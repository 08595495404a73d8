"""Every POST that acts does so once with an Idempotency-Key."""

import pytest
from csms.v1.station_pb2 import Outcome

READ = {"component": {"name": "Ctrlr"}, "variable": {"name": "A"}}
LOG = {"log": {"remoteLocation": "https://logs.example/"}, "logType": "DiagnosticsLog"}
FIRMWARE = {
    "firmware": {
        "location": "https://firmware.example/1",
        "retrieveDateTime": "2026-10-01T00:00:00Z",
    }
}
ACTS = [
    ("variables/get", {"variables": [READ]}),
    ("variables/set", {"variables": [READ | {"attributeValue": "1"}]}),
    ("reports", {"report_base": "FullInventory"}),
    ("logs", LOG),
    ("firmware-updates", FIRMWARE),
    ("monitoring-reports", {}),
    ("password", {"password": "a-long-enough-password"}),
]


def respond(_action, payload):
    for asked, results in (("getVariableData", "getVariableResult"), ("setVariableData", "setVariableResult")):
        if asked in payload:
            named = [{name: each[name] for name in ("component", "variable")} for each in payload[asked]]
            return {results: [{**each, "attributeStatus": "Accepted"} for each in named]}
    return {"status": "Accepted"}


@pytest.mark.parametrize(("path", "body"), ACTS)
async def test_it_acts_once(api, gateway, connected, path, body):
    gateway.respond = respond
    first, second, other = [
        await api.post(f"/stations/{connected}/{path}", json=body, headers={"Idempotency-Key": key})
        for key in ("k", "k", "other")
    ]
    assert first.status_code in {200, 202}, first.text
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert first.headers.get("Location") == second.headers.get("Location")
    assert other.status_code in {200, 202}
    assert len(gateway.commands) == 2


async def test_what_waited_too_long_and_was_never_sent_is_sent_by_a_repeat(api, gateway, connected):
    gateway.respond, gateway.sends = (lambda _action, _payload: Outcome.OUTCOME_TIMEOUT), False
    headers = {"Idempotency-Key": "k"}
    first = await api.post(f"/stations/{connected}/logs", json=LOG, headers=headers)
    assert (first.status_code, first.json()["sent_at"]) == (504, None)
    gateway.respond, gateway.sends = respond, True
    second = await api.post(f"/stations/{connected}/logs", json=LOG, headers=headers)
    assert (second.status_code, second.json()["outcome"]) == (200, "result")


async def test_what_was_not_sent_is_sent_by_a_repeat(api, gateway, station_id, eventually):
    await api.put(f"/stations/{station_id}", json={})

    async def ask():
        headers = {"Idempotency-Key": "k"}
        return await api.post(f"/stations/{station_id}/logs", json=LOG, headers=headers)

    assert (await ask()).status_code == 409
    await gateway.connect(station_id)

    async def sent():
        return (await ask()).status_code == 200

    await eventually(sent)
    assert (await ask()).status_code == 200
    assert len(gateway.commands) == 1
