import asyncio

import pytest
from csms_device_mgmt.app import DeviceManagement
from csms_runtime.health import Health
from csms_runtime.secret_keys import SecretKeys

RESET = {"type": "OnIdle"}


MOST = 5


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"bulk_stations": MOST})


@pytest.fixture
async def fleet(api, gateway, eventually):
    """CS0 and CS1 speak 2.0.1, CS2 1.6, CS3 is not connected."""
    for number in range(4):
        (await api.put(f"/stations/CS{number}", json={})).raise_for_status()
    for number, protocol in enumerate(("ocpp2.0.1", "ocpp2.0.1", "ocpp1.6")):
        await gateway.connect(f"CS{number}", f"c{number}", protocol=protocol)

    async def all_there():
        return len((await api.get("/stations?connected=true")).json()["items"]) == 3

    await eventually(all_there)


@pytest.fixture
def start(api):
    async def post(**body):
        answer = await api.post("/bulk", json={"action": "Reset", "payload": RESET, "rate_per_s": 1000, **body})
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"].endswith(f"/bulk/{answer.json()['id']}")
        return answer.json()["id"]

    return post


@pytest.fixture
def over(api, eventually):
    """Waits until a job is over."""

    async def wait(bulk_id):
        async def finished():
            job = (await api.get(f"/bulk/{bulk_id}")).json()
            return job if job["finished_at"] else None

        return await eventually(finished)

    return wait


async def results(api, bulk_id, **params):
    found = (await api.get(f"/bulk/{bulk_id}/results", params=params)).raise_for_status().json()
    return {each["station_id"]: each for each in found["items"]}


@pytest.mark.usefixtures("fleet")
async def test_each_station_has_its_result(api, gateway, start, over):
    bulk_id = await start(select={"ids": ["CS0", "cs1", "CS2", "CS3", "nobody"]})
    job = await over(bulk_id)
    assert (job["state"], job["total"], job["done"], job["selected"]) == ("completed", 5, 5, True)
    counts = {name: number for name, number in job["counts"].items() if number}
    assert counts == {"result": 2, "refused": 2, "not_connected": 1}
    found = await results(api, bulk_id)
    assert list(found) == ["CS0", "CS1", "CS2", "CS3", "nobody"]
    first = found["CS0"]
    assert (first["state"], first["outcome"], first["response"]) == ("completed", "result", {"status": "Accepted"})
    call = (await api.get(f"/calls/{first['call_id']}")).json()
    assert (call["outcome"], call["requested_by"], call["request"]) == ("result", "admin", RESET)
    refusal = found["CS2"]["refusal"]  # OCPP 1.6 has other types
    assert (found["CS2"]["outcome"], refusal["status"]) == ("refused", 422)
    assert refusal["errors"][0]["pointer"] == "/type"
    assert (found["CS3"]["outcome"], found["CS3"]["call_id"]) == ("not_connected", None)
    assert found["nobody"]["refusal"]["status"] == 404
    assert sorted(command.connection_id for command in gateway.commands) == ["c0", "c1"]
    assert [each["id"] for each in (await api.get("/bulk")).json()["items"]] == [bulk_id]


@pytest.mark.usefixtures("fleet")
async def test_a_filter_and_pages_of_results(api, start, over):
    bulk_id = await start(select={"filter": {"connected": True}})
    assert (await over(bulk_id))["total"] == 3
    page = (await api.get(f"/bulk/{bulk_id}/results", params={"limit": 2})).json()
    rest = (await api.get(f"/bulk/{bulk_id}/results", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    names = [each["station_id"] for each in page["items"] + rest["items"]]
    assert (names, rest["next_cursor"]) == (["CS0", "CS1", "CS2"], None)
    assert list(await results(api, bulk_id, outcome="refused")) == ["CS2"]
    assert await results(api, bulk_id, state="open") == {}
    assert (await api.get(f"/bulk/{bulk_id}/results", params={"outcome": "open"})).status_code == 422


@pytest.mark.usefixtures("fleet")
async def test_pause_resume_cancel(api, gateway, start, eventually):
    gateway.respond = lambda _action, _payload: None
    bulk_id = await start(select={"ids": ["CS0", "CS1"]}, rate_per_s=0.5, timeout_s=0.1)

    async def begun():
        return gateway.commands

    await eventually(begun)
    for verb, state in (("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = await api.post(f"/bulk/{bulk_id}/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    for verb, status in (("resume", 409), ("pause", 409), ("cancel", 200)):
        assert (await api.post(f"/bulk/{bulk_id}/{verb}")).status_code == status

    async def counted():
        return (await api.get(f"/bulk/{bulk_id}")).json()["counts"]["cancelled"] == 1

    await eventually(counted)
    assert len(gateway.commands) == 1
    assert (await results(api, bulk_id, outcome="cancelled")).keys() == {"CS1"}
    assert (await results(api, bulk_id, state="open")).keys() == {"CS0"}


@pytest.fixture
async def other(bus, database, settings, secret_key):
    """A second process, and what ends it."""
    made = DeviceManagement(
        bus, database, settings.model_copy(update={"slot": 1}), Health(), keys=SecretKeys(secret_key)
    )
    stop = asyncio.Event()
    running = asyncio.create_task(made.run(stop))

    async def end():
        stop.set()
        await running

    async with asyncio.timeout(10):
        await made.ready()
        yield end
    await end()


@pytest.mark.usefixtures("fleet")
async def test_a_job_goes_on_in_another_process(gateway, start, over, other):
    """Two work side by side, one ends: each station is commanded once."""
    await gateway.announce()  # one that is silent for long counts as dead
    jobs = [await start(select={"ids": [f"CS{number % 2}"]}) for number in range(6)]
    await other()
    outcomes = [{name for name, count in (await over(each))["counts"].items() if count} for each in jobs]
    assert outcomes == [{"result"}] * len(jobs)
    assert sorted(command.connection_id for command in gateway.commands) == ["c0"] * 3 + ["c1"] * 3


async def test_what_is_not_begun(api, clients):
    body = {"action": "Reset", "payload": RESET, "select": {"ids": ["CS0"]}}
    for wrong, status in (
        ({"action": "NoSuchAction"}, 404),
        ({"select": {}}, 422),
        ({"select": {"ids": []}}, 422),
        ({"select": {"filter": {"nothing": 1}}}, 422),
        ({"rate_per_s": 0}, 422),
        ({"more": 1}, 422),
    ):
        assert (await api.post("/bulk", json={**body, **wrong})).status_code == status, wrong
    assert (await clients("read").post("/bulk", json=body)).status_code == 403
    secret = {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": "0123456789abcdef"}}
    assert (await clients("operate").post("/bulk", json={**body, **secret})).status_code == 403
    assert (await api.get("/bulk/nothing")).status_code == 404
    assert (await api.get("/bulk")).json()["items"] == []


async def test_too_many_stations(api):
    body = {"action": "Reset", "payload": RESET, "select": {"ids": [f"CS{number}" for number in range(MOST + 1)]}}
    answer = await api.post("/bulk", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/select")


@pytest.mark.usefixtures("fleet")
async def test_secrets_are_sent_and_not_shown(gateway, start, over, auth):
    payload = {"key": "AuthorizationKey", "value": "0123456789abcdef"}
    bulk_id = await start(action="ChangeConfiguration", payload=payload, select={"ids": ["CS2"]})
    job = await over(bulk_id)
    assert job["payload"] == {"key": "AuthorizationKey", "value": "***"}
    assert gateway.sent == [("ChangeConfiguration", payload)]
    # It is let in with it before it is asked to take it.
    assert any(admission.pending_password_digest for admission in auth.admissions)
