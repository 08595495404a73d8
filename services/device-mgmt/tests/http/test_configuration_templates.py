import asyncio
from types import SimpleNamespace

import pytest
from csms_device_mgmt.configuration import on_connect, template_rows

INTERVAL = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
BODY = {
    "select": {"filter": {}},
    "variables": [{**INTERVAL, "attributeValue": "60"}],
    "keys": {"HeartbeatInterval": "60"},
}


@pytest.fixture(autouse=True)
def _impatience_with_boots(monkeypatch):
    monkeypatch.setattr(on_connect, "BOOTS_WITHIN_S", 0.0)


@pytest.fixture
def configured(api):
    async def put(**more):
        answer = await api.put("/configuration-templates/base", json={**BODY, **more})
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    return put


@pytest.fixture
def station(gateway):
    """Takes what it is asked to, and remembers it."""
    gateway.values = {}

    def respond(_action, payload):
        if "key" in payload:
            gateway.values[payload["key"]] = payload["value"]
            return {"status": "Accepted"}
        elements = payload["setVariableData"]
        gateway.values |= {each["variable"]["name"]: each["attributeValue"] for each in elements}
        return {
            "setVariableResult": [
                {"attributeStatus": "Accepted", "component": each["component"], "variable": each["variable"]}
                for each in elements
            ]
        }

    gateway.respond = respond
    return gateway


async def drift(api, station_id):
    (item,) = (await api.get(f"/stations/{station_id}/configuration-drift")).raise_for_status().json()["items"]
    return item


@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp1.6"])
async def test_drift_is_shown_and_set(api, station, connected, configured, eventually, protocol):  # noqa: PLR0917 fixtures
    await station.connect(connected, "c2", protocol=protocol)

    async def speaks():
        return (await api.get(f"/stations/{connected}")).json()["protocol"] == protocol

    await eventually(speaks)
    await configured()
    found = await drift(api, connected)
    assert (found["state"], found["drift"][0]["wanted"], found["drift"][0]["actual"]) == ("unknown", "60", None)
    for calls in (1, 0):  # what is as it is to be is not set again
        station.commands.clear()
        answer = await api.post("/configuration-templates/base/apply", json={"rate_per_s": 100})
        assert answer.status_code == 202
        bulk_id = answer.json()["id"]

        async def over(bulk_id=bulk_id):
            job = (await api.get(f"/bulk/{bulk_id}")).json()
            return job if job["finished_at"] else None

        assert (await eventually(over))["counts"]["result"] == 1
        assert len(station.commands) == calls
    assert station.values == {"HeartbeatInterval": "60"}
    assert (await drift(api, connected))["state"] == "matches"
    (item,) = (await api.get("/configuration-templates/base/drift")).json()["items"]
    assert (item["station_id"], item["state"], item["drift"]) == (connected, "matches", [])


async def test_applied_when_a_station_connects(station, connected, configured, eventually):
    await configured(on_connect=True)
    await station.connect(connected, "c2")

    async def is_set():
        return station.values.get("HeartbeatInterval") == "60"

    await eventually(is_set)


async def test_secrets_are_masked_and_need_admin(api, clients, configured, connected):
    secret = {**PASSWORD, "attributeValue": "0123456789abcdef"}
    shown = await configured(variables=[secret], keys={"AuthorizationKey": "0123456789abcdef"})
    assert (shown["variables"][0]["attributeValue"], shown["keys"]) == ("***", {"AuthorizationKey": "***"})
    found = await drift(api, connected)
    assert (found["state"], found["drift"][0]["state"], found["drift"][0]["wanted"]) == ("matches", "secret", "***")
    apply = "/configuration-templates/base/apply"
    assert (await clients("operate").post(apply, json={})).status_code == 403


async def test_what_is_no_template(api, pointers):
    for wrong, where in (
        ({"variables": [], "keys": {}}, "/variables"),
        ({"variables": [{"component": {"name": "A"}}]}, "/variables/0/attributeValue"),
        ({"select": {}}, "/select"),
    ):
        answer = await api.put("/configuration-templates/base", json={**BODY, **wrong})
        assert answer.status_code == 422
        assert where in pointers(answer)
    assert (await api.get("/configuration-templates/base")).status_code == 404
    assert (await api.delete("/configuration-templates/base")).status_code == 404


async def test_a_template_is_applied_by_a_post_without_a_body(api, configured):
    await configured()
    answer = await api.post("/configuration-templates/base/apply")
    assert (answer.status_code, answer.json()["rate_per_s"]) == (202, 10)


class NoSession:
    async def __aenter__(self):
        return None

    async def __aexit__(self, *_error):
        return None


async def test_a_silent_station_does_not_delay_the_others(monkeypatch, eventually):
    begun, answered, stop = [], asyncio.Event(), asyncio.Event()

    async def of_station(_session, station_id, *_others, **_more):
        begun.append(station_id)
        if station_id == "silent":
            await answered.wait()
        return []

    monkeypatch.setattr(template_rows, "of_station", of_station)
    monkeypatch.setattr(on_connect, "AT_ONCE", 2)
    applier = on_connect.OnConnect(SimpleNamespace(reading=NoSession), None, None)
    stations = ["silent", *map(str, range(9))]
    applier.connected(stations)
    run = asyncio.create_task(applier.run(stop))

    async def all_begun():
        return begun == stations

    await eventually(all_begun)
    stop.set()
    answered.set()
    await run
