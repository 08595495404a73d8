import pytest
from csms.v1.station_pb2 import Outcome
from csms_bus.ports import Outgoing
from csms_bus.topics import CALLS_DEVICES

UPDATE = {
    "firmware": {
        "location": "https://example.com/f",
        "retrieveDateTime": "2026-01-01T00:00:00Z",
        "signingCertificate": "-----BEGIN CERTIFICATE-----",
        "signature": "QUJD",
    }
}
LOG = {"logType": "DiagnosticsLog", "log": {"remoteLocation": "https://example.com"}}


@pytest.fixture
def notify(bus, records):
    async def publish(action, **payload):
        await bus.publish([Outgoing(CALLS_DEVICES.name, records.call(action, payload))])

    return publish


async def test_a_job_from_request_to_end(api, gateway, connected, notify, eventually):
    answer = await api.post(f"/stations/{connected}/logs", json=LOG)
    assert (answer.status_code, answer.json()["response"]) == (200, {"status": "Accepted"})
    path = answer.headers["location"].removeprefix("/api/v1")
    assert gateway.sent == [("GetLog", {"requestId": 1, **LOG})]
    assert (await api.get(path)).json()["state"] == "ongoing"
    await notify("LogStatusNotification", status="Uploaded", requestId=1)

    async def completed():
        found = (await api.get(path)).json()
        return found if found["state"] == "completed" else None

    shown = await eventually(completed)
    assert [(step["status"], step["action"]) for step in shown["history"]] == [("Uploaded", "LogStatusNotification")]
    assert shown["request"] == {"requestId": 1, **LOG}


async def test_list_in_pages(api, connected):
    for _ in range(3):
        await api.post(f"/stations/{connected}/logs", json=LOG)
    first = (await api.get(f"/stations/{connected}/logs", params={"limit": 2})).json()
    assert [item["request_id"] for item in first["items"]] == [3, 2]
    rest = await api.get(f"/stations/{connected}/logs", params={"limit": 2, "cursor": first["next_cursor"]})
    assert [item["request_id"] for item in rest.json()["items"]] == [1]
    bad = await api.get(f"/stations/{connected}/logs", params={"cursor": "WzFd"})
    assert bad.status_code == 422


async def test_request_ids_that_were_used_are_not_chosen(api, gateway, connected):
    await api.post(f"/stations/{connected}/calls/GetLog", json={"requestId": 5, **LOG})
    await api.post(f"/stations/{connected}/logs", json=LOG)
    await api.post(f"/stations/{connected}/calls/GetLog", json={"requestId": 2**31 - 1, **LOG})
    await api.post(f"/stations/{connected}/logs", json=LOG)
    assert [payload["requestId"] for _, payload in gateway.sent] == [5, 6, 2**31 - 1, 7]


async def test_the_request_id_of_an_update_is_used_once(api, gateway, connected, pointers):
    request = {"requestId": 5, **UPDATE}
    path, key = f"/stations/{connected}/calls/UpdateFirmware", {"Idempotency-Key": "k"}
    first = await api.post(path, json=request, headers=key)
    refused = await api.post(path, json=request)
    assert (refused.status_code, pointers(refused)) == (422, ["/requestId"])
    assert "a rule of this CSMS, not of OCPP" in refused.json()["errors"][0]["detail"]
    again = await api.post(path, json=request, headers=key)
    assert (again.status_code, again.json()["call_id"]) == (200, first.json()["call_id"])
    assert len(gateway.commands) == 1


async def test_firmware_that_is_not_signed(api, gateway, connected, pointers):
    firmware = {name: UPDATE["firmware"][name] for name in ("location", "retrieveDateTime")}
    answer = await api.post(f"/stations/{connected}/firmware-updates", json={"firmware": firmware})
    assert (answer.status_code, gateway.sent[0][1]["firmware"]) == (200, firmware)
    for half in ("signature", "signingCertificate"):
        signed = {"firmware": firmware | {half: UPDATE["firmware"][half]}}
        refused = await api.post(f"/stations/{connected}/firmware-updates", json=signed)
        assert (refused.status_code, len(pointers(refused))) == (422, 1)


async def test_what_was_not_sent_may_be_sent_again(api, gateway, connected):
    path, request = f"/stations/{connected}/calls/GetLog", {"requestId": 5, **LOG}
    gateway.respond = lambda _action, _payload: Outcome.OUTCOME_NOT_CONNECTED
    assert (await api.post(path, json=request)).status_code == 409
    assert (await api.get(f"/stations/{connected}/logs/5")).json()["state"] == "not_sent"
    gateway.respond = lambda _action, _payload: {"status": "Accepted"}
    assert (await api.post(path, json=request)).status_code == 200
    assert (await api.get(f"/stations/{connected}/logs/5")).json()["state"] == "ongoing"


async def test_unknown(api, connected):
    for path in ("logs/1", "firmware-updates/1", "firmware-publications/1", "customer-information/1"):
        assert (await api.get(f"/stations/{connected}/{path}")).status_code == 404
    for path in ("logs", "monitoring-reports", "installed-certificates"):
        assert (await api.get(f"/stations/nobody/{path}")).status_code == 404
    assert (await api.post("/stations/nobody/logs", json=LOG)).status_code == 404


async def test_a_report_asked_for_by_its_resource(api, gateway, connected):
    answer = await api.post(
        f"/stations/{connected}/monitoring-reports", json={"monitoringCriteria": ["DeltaMonitoring"]}
    )
    assert answer.headers["location"] == f"/api/v1/stations/{connected}/monitoring-reports/1"
    assert gateway.sent == [("GetMonitoringReport", {"requestId": 1, "monitoringCriteria": ["DeltaMonitoring"]})]
    (item,) = (await api.get(f"/stations/{connected}/monitoring-reports")).json()["items"]
    assert (item["request_id"], item["status"], item["kind"]) == (1, "accepted", "GetMonitoringReport")


async def test_messages_of_ocpp_1_6_that_share_a_name(api, gateway, station_id, eventually):
    await api.put(f"/stations/{station_id}", json={})
    await gateway.connect(station_id, protocol="ocpp1.6")

    async def shown():
        return (await api.get(f"/stations/{station_id}")).json()["protocol"] == "ocpp1.6"

    await eventually(shown)
    update = {"location": "https://example.com/f", "retrieveDate": "2026-01-01T00:00:00.000Z"}
    gateway.respond = lambda action, _payload: {"status": "NotFound"} if action.startswith("GetInstalled") else {}
    for action, payload in (
        ("UpdateFirmware", update),
        ("GetInstalledCertificateIds", {"certificateType": "ManufacturerRootCertificate"}),
    ):
        answer = await api.post(f"/stations/{station_id}/calls/{action}", json=payload)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "result")
    (job,) = (await api.get(f"/stations/{station_id}/firmware-updates")).json()["items"]
    assert (job["request_id"], job["state"], job["request"]) == (1, "ongoing", update)
