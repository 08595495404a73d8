"""/stations/{id}/security-profile on the whole service."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import pytest
from csms_bus.records import new_record
from csms_device_mgmt.app import DeviceManagement
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.stations import station_rows
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from csms_runtime.secret_keys import SecretKeys

URL = "wss://csms.example.com/ocpp"
BODY = {"security_profile": 2, "ocpp_csms_url": URL}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


def obedient(action, _payload):
    """A station that does all it is asked."""
    if action == "GetVariables":
        return {"getVariableResult": [{**PRIORITY, "attributeStatus": "Accepted", "attributeValue": "0"}]}
    if action == "SetVariables":
        return {"setVariableResult": [{**PRIORITY, "attributeStatus": "Accepted"}]}
    return {"status": "Accepted"}


@pytest.fixture
def path(connected):
    return f"/stations/{connected}/security-profile"


@pytest.fixture
def at_step(api, path, eventually):
    """Waits until the change stands at a step."""

    async def wait(step):
        async def there():
            shown = (await api.get(path)).json()
            return shown if shown["change"]["step"] == step else None

        return await eventually(there)

    return wait


async def test_the_whole_way(api, auth, gateway, connected, path, at_step):  # noqa: PLR0917 fixtures
    await api.put(f"/stations/{connected}", json={"security_profile": 1})
    gateway.respond = obedient
    answer = await api.post(path, json=BODY)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1{path}"
    assert (answer.json()["change"]["step"], answer.json()["change"]["security_profile"]) == ("read_priority", 2)
    shown = await at_step("connect")
    assert (shown["security_profile"], shown["pending_security_profile"]) == (1, 2)
    assert shown["change"]["network_configuration_priority"] == [1, 0]
    assert [action for action, _ in gateway.sent] == ["GetVariables", "SetNetworkProfile", "SetVariables", "Reset"]
    assert gateway.sent[1][1]["connectionData"]["ocppCsmsUrl"] == URL
    assert gateway.sent[3][1] == {"type": "OnIdle"}
    assert auth.admissions[-1].pending_security_profile == 2
    await gateway.disconnect(connected)
    await gateway.connect(connected, "c2", security_profile=2)
    shown = await at_step("done")
    assert (shown["security_profile"], shown["reached_security_profile"]) == (2, 2)
    assert shown["pending_security_profile"] is None
    lower = await api.put(f"/stations/{connected}", json={"security_profile": 1})
    assert lower.status_code == 409
    again = await api.post(path, json=BODY)
    assert (again.status_code, again.json()["change"]["step"]) == (202, "done")
    calls = (await api.get(f"/stations/{connected}/calls")).json()["items"]
    assert {call["requested_by"] for call in calls} == {"security-profile"}


async def test_a_refusal_is_shown_and_it_can_be_begun_again(api, gateway, path, at_step):
    gateway.respond = lambda action, payload: (
        {"status": "Rejected"} if action == "SetNetworkProfile" else obedient(action, payload)
    )
    await api.post(path, json=BODY)
    shown = await at_step("failed")
    assert (shown["change"]["failed_step"], shown["change"]["reason"]) == (
        "network_profile",
        "the station answered Rejected",
    )
    gateway.respond = obedient
    assert (await api.post(path, json=BODY)).json()["change"]["step"] == "read_priority"
    assert (await at_step("connect"))["change"]["reason"] is None


async def test_a_station_that_is_not_connected_is_asked_when_it_is(api, gateway, station_id, eventually):
    await api.put(f"/stations/{station_id}", json={})
    gateway.respond = obedient
    answer = await api.post(f"/stations/{station_id}/security-profile", json=BODY)
    assert (answer.status_code, answer.json()["change"]["call_id"]) == (202, None)
    await gateway.connect(station_id)

    async def asked():
        return gateway.sent

    await eventually(asked)


async def test_a_repeat_changes_nothing_and_another_wish_is_refused(api, gateway, connected, path):
    gateway.respond = lambda _action, _payload: None
    first = (await api.post(path, json=BODY)).json()
    assert (await api.post(path, json=BODY)).json() == first
    refused = await api.post(path, json={**BODY, "configuration_slot": 7})
    assert refused.status_code == 409
    given_up = (await api.delete(path)).json()["change"]
    assert (given_up["step"], given_up["reason"]) == ("failed", "canceled")
    assert (await api.delete(path)).status_code == 200
    assert (await api.post(path, json={**BODY, "configuration_slot": 7})).status_code == 202
    assert (await api.get(f"/stations/{connected}")).status_code == 200


async def test_profile_3_begins_with_a_certificate_when_there_is_none(api, gateway, connected, path, units):
    await api.put(f"/stations/{connected}", json={"serial_number": "SN-1"})
    gateway.respond = lambda _action, _payload: None
    wanted = {**BODY, "security_profile": 3}
    assert (await api.post(path, json=wanted)).json()["change"]["step"] == "certificate"
    for ends_in, given, step in [
        (timedelta(days=1), None, "read_priority"),
        (timedelta(days=-1), None, "certificate"),
        (timedelta(days=1), True, "certificate"),
        (timedelta(days=-1), False, "read_priority"),
    ]:
        await api.delete(path)
        async with units.open() as unit:
            (await station_rows.find(unit.session, connected)).certificate_not_after = unit.now + ends_in
        answer = await api.post(path, json={**wanted, "new_certificate": given})
        assert answer.json()["change"]["step"] == step


async def test_what_does_not_go(api, gateway, connected, path, units):
    async def refusal(**body):
        answer = await api.post(path, json={**BODY, **body})
        return answer.status_code, answer.json()["title"]

    assert await refusal(security_profile=3) == (409, "No serial number")
    await api.put(f"/stations/{connected}", json={"security_profile": 2})
    assert await refusal() == (409, "Security profile cannot be lowered")
    await api.put(f"/stations/{connected}", json={"security_profile": 1})
    async with units.open() as unit:
        (await station_rows.find(unit.session, connected)).registration_status = Registration.REJECTED.value
    assert await refusal() == (409, "Station is rejected")
    assert gateway.sent == []
    assert (await api.post("/stations/nobody/security-profile", json=BODY)).status_code == 404
    assert (await api.get("/stations/nobody/security-profile")).status_code == 404
    assert (await api.delete("/stations/nobody/security-profile")).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"security_profile": 1}, "/security_profile"),
        ({"security_profile": 4}, "/security_profile"),
        ({"security_profile": None}, "/security_profile"),
        ({"ocpp_csms_url": "ws://csms.example.com"}, "/ocpp_csms_url"),
        ({"ocpp_csms_url": "wss://user:secret@csms.example.com"}, "/ocpp_csms_url"),
        ({"ocpp_csms_url": None}, "/ocpp_csms_url"),
        ({"configuration_slot": -1}, "/configuration_slot"),
        ({"network_configuration_priority": [0, 1]}, "/network_configuration_priority/0"),
        ({"network_configuration_priority": []}, "/network_configuration_priority"),
        ({"ocpp_interface": "Pigeon"}, "/ocpp_interface"),
        ({"message_timeout_s": 0}, "/message_timeout_s"),
        ({"reset_type": "Later"}, "/reset_type"),
        ({"more": 1}, "/more"),
    ],
)
async def test_refused_bodies(api, path, pointers, body, pointer):
    answer = await api.post(path, json={**BODY, **body})
    assert answer.status_code == 422
    assert pointer in pointers(answer)
    assert (await api.get(path)).json()["change"] is None


async def test_scopes(clients, path):
    for scope in ("read", "operate"):
        assert (await clients(scope).post(path, json=BODY)).status_code == 403
        assert (await clients(scope).delete(path)).status_code == 403
    assert (await clients("read").get(path)).status_code == 200


class TestOneAddressForAll:
    @pytest.fixture
    def settings(self, settings):
        return settings.model_copy(update={"public_ocpp_url_tls": "wss://all.example.com/ocpp"})

    async def test_it_is_used_when_none_is_given(self, api, gateway, path):
        gateway.respond = lambda _action, _payload: None
        shown = (await api.post(path, json={"security_profile": 2})).json()["change"]
        assert (shown["ocpp_csms_url"], shown["configuration_slot"]) == ("wss://all.example.com/ocpp", 1)


@pytest.fixture
def running(players, database, settings, secret_key):
    """Runs the service while the context is open, and asks it over HTTP."""

    @asynccontextmanager
    async def run():
        service = DeviceManagement(players, database, settings, Health(), keys=SecretKeys(secret_key))
        app = create_app(
            "test", routers=service.routers, keys=ApiKeys.for_tests(admin="k"), health=Health(), version="0"
        )
        stop = asyncio.Event()
        task = asyncio.create_task(service.run(stop))
        transport, headers = httpx2.ASGITransport(app), {"Authorization": "Bearer k"}
        async with asyncio.timeout(10):
            await service.ready()
        async with httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers) as client:
            yield client
        stop.set()
        await task

    return run


async def test_it_goes_on_in_another_process(running, gateway, station_id, eventually):
    path = f"/stations/{station_id}/security-profile"
    gateway.respond = lambda _action, _payload: None
    async with running() as api:
        await api.put(f"/stations/{station_id}", json={"security_profile": 1})
        await gateway.connect(station_id)
        await api.post(path, json=BODY)

        async def asked():
            return gateway.commands

        (command,) = await eventually(asked)
    gateway.respond = obedient
    await gateway.result(new_record(station_id, station_command=command), obedient(command.action, {}))
    await gateway.connect(station_id, "c2")  # it lost its connection meanwhile, too
    async with running() as api:

        async def at(step):
            return (await api.get(path)).json()["change"]["step"] == step

        await eventually(lambda: at("connect"))
        await gateway.connect(station_id, "c3", security_profile=2)
        await eventually(lambda: at("done"))
