import pytest
from csms.v1.station_pb2 import Outcome
from csms_bus.ports import Outgoing
from csms_bus.topics import CALLS_DEVICES


def entry(name):
    return {"component": {"name": "C"}, "variable": {"name": name}, "variableAttribute": [{"value": "1"}]}


@pytest.fixture
def notify(bus, records):
    async def publish(request_id, seq_no, *, tbc, data):
        part = records.report_part(seq_no, tbc=tbc, request_id=request_id, data=data)
        await bus.publish([Outgoing(CALLS_DEVICES.name, part)])

    return publish


async def test_base_report(api, gateway, connected, notify, eventually):
    answer = await api.post(f"/stations/{connected}/reports", json={"report_base": "FullInventory"})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["status"], body["complete"], body["kind"]) == ("accepted", False, "GetBaseReport")
    assert body["call"]["response"] == {"status": "Accepted"}
    request_id = body["request_id"]
    assert answer.headers["location"] == f"/api/v1/stations/{connected}/reports/{request_id}"
    assert gateway.sent == [("GetBaseReport", {"requestId": request_id, "reportBase": "FullInventory"})]
    await notify(request_id, 0, tbc=True, data=[entry("A")])
    await notify(request_id, 1, tbc=False, data=[entry("B")])

    async def complete():
        found = (await api.get(f"/stations/{connected}/reports/{request_id}")).json()
        return found if found["complete"] else None

    report = await eventually(complete)
    assert [item["variable"]["name"] for item in report["entries"]] == ["A", "B"]
    assert (report["status"], report["parts"], report["parts_expected"], report["missing"]) == ("complete", 2, 2, [])
    assert report["generated_at"] == "2026-01-01T00:00:00Z"


async def test_gap_is_shown(api, connected, notify, eventually):
    request_id = (await api.post(f"/stations/{connected}/reports", json={"reportBase": "FullInventory"})).json()["id"]
    await notify(int(request_id), 2, tbc=False, data=[])

    async def arrived():
        found = (await api.get(f"/stations/{connected}/reports/{request_id}")).json()
        return found if found["parts"] else None

    report = await eventually(arrived)
    assert (report["complete"], report["status"], report["missing"]) == (False, "receiving", [0, 1])


async def test_criteria_in_either_spelling(api, gateway, connected):
    variable = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
    for body in (
        {"component_criteria": ["Problem"], "component_variables": [variable]},
        {"componentCriteria": ["Problem"], "componentVariable": [variable]},
    ):
        assert (await api.post(f"/stations/{connected}/reports", json=body)).status_code == 202
    first, second = (payload for _, payload in gateway.sent)
    assert first == {"requestId": 1, "componentCriteria": ["Problem"], "componentVariable": [variable]}
    assert second == {**first, "requestId": 2}
    assert {action for action, _ in gateway.sent} == {"GetReport"}


@pytest.mark.parametrize(
    ("response", "status"),
    [("EmptyResultSet", "empty"), ("NotSupported", "not_supported"), ("Rejected", "rejected")],
)
async def test_no_report_will_come(api, gateway, connected, response, status):
    gateway.respond = lambda _action, _payload: {"status": response}
    answer = await api.post(f"/stations/{connected}/reports", json={"report_base": "SummaryInventory"})
    assert (answer.status_code, answer.json()["status"]) == (200, status)


async def test_station_errors_and_silence(api, gateway, connected):
    gateway.respond = lambda _action, _payload: "InternalError"
    answer = await api.post(f"/stations/{connected}/reports", json={"report_base": "FullInventory"})
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert answer.json()["call"]["outcome"] == "error"
    gateway.respond = lambda _action, _payload: Outcome.OUTCOME_TIMEOUT
    answer = await api.post(f"/stations/{connected}/reports", json={"report_base": "FullInventory"})
    assert (answer.status_code, answer.json()["outcome"]) == (504, "timeout")
    report = (await api.get(f"/stations/{connected}/reports/{answer.json()['request_id']}")).json()
    assert report["status"] == "failed"


async def test_not_connected(api, station_id):
    await api.put(f"/stations/{station_id}", json={})
    answer = await api.post(f"/stations/{station_id}/reports", json={"report_base": "FullInventory"})
    assert (answer.status_code, answer.json()["outcome"]) == (409, "not_connected")
    (report,) = (await api.get(f"/stations/{station_id}/reports")).json()["items"]
    assert report["status"] == "failed"


async def test_bad_requests(api, gateway, connected):
    for body in (
        {},
        {"report_base": "Everything"},
        {"report_base": "FullInventory", "component_criteria": ["Active"]},
        {"component_criteria": ["Broken"]},
        {"component_criteria": []},
    ):
        assert (await api.post(f"/stations/{connected}/reports", json=body)).status_code == 422
    assert (await api.post("/stations/nobody/reports", json={"report_base": "FullInventory"})).status_code == 404
    assert (await api.get(f"/stations/{connected}/reports/77")).status_code == 404
    assert (await api.get(f"/stations/{connected}/reports/{2**63}")).status_code == 422
    assert gateway.commands == []


async def test_a_plain_call_asks_for_a_report_too(api, connected, notify, eventually):
    payload = {"requestId": 40, "reportBase": "FullInventory"}
    path = f"/stations/{connected}/reports/40"
    for name in ("A", "B"):
        await api.post(f"/stations/{connected}/calls/GetBaseReport", json=payload)
        assert (await api.get(path)).json()["parts"] == 0  # what an earlier request brought is gone
        await notify(40, 0, tbc=False, data=[entry(name)])

        async def complete(name=name):
            entries = (await api.get(path)).json()["entries"]
            return [item["variable"]["name"] for item in entries] == [name]

        await eventually(complete)


async def test_respond_async(api, connected, eventually):
    headers = {"Prefer": "respond-async"}
    answer = await api.post(f"/stations/{connected}/reports", json={"report_base": "FullInventory"}, headers=headers)
    assert answer.status_code == 202

    async def accepted():
        (report,) = (await api.get(f"/stations/{connected}/reports")).json()["items"]
        return report["status"] == "accepted"

    await eventually(accepted)
