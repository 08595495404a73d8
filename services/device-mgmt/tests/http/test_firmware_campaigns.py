import pytest
from csms_device_mgmt.bulk import jobs, working
from csms_device_mgmt.campaigns import plan
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind

FIRMWARE = {"firmware": {"location": "https://example.org/2.bin", "retrieveDateTime": "2026-01-01T00:00:00Z"}}


@pytest.fixture(autouse=True)
def _impatience_with_rests(monkeypatch):
    monkeypatch.setattr(working, "_RESTING", working._RESTING * 0)
    monkeypatch.setattr(jobs, "POLL_S", 0.05)
    monkeypatch.setattr(plan, "LEAST_ENDED", 1)


@pytest.fixture
async def fleet(api, gateway, eventually):
    for number in range(3):
        (await api.put(f"/stations/CS{number}", json={})).raise_for_status()
        await gateway.connect(f"CS{number}", f"c{number}")

    async def all_there():
        return len((await api.get("/stations?connected=true")).json()["items"]) == 3

    await eventually(all_there)


@pytest.fixture
def start(api):
    async def post(**more):
        body = {"version": "2.0", "request": FIRMWARE, "select": {"filter": {}}, "rate_per_s": 100, **more}
        answer = await api.post("/firmware-campaigns", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    return post


@pytest.fixture
def until(api, eventually):
    async def wait(campaign_id, **counts):
        async def there():
            found = (await api.get(f"/firmware-campaigns/{campaign_id}")).json()
            return found if counts.items() <= found["counts"].items() else None

        return await eventually(there)

    return wait


async def reported(units, gateway, state):
    """All stations that were asked tell what became of it."""
    for command in gateway.commands:
        async with units.open() as unit:
            row = await job_rows.of_call(
                unit.session, f"CS{command.connection_id[1:]}", JobKind.FIRMWARE_UPDATE, command.correlation_id
            )
            row.state = state


@pytest.mark.usefixtures("fleet")
async def test_waves_follow_each_other(api, units, gateway, start, until):
    campaign_id = await start(waves=[30, 100])
    found = await until(campaign_id, updating=1, waiting=2)
    assert (found["wave"], found["state"], len(gateway.commands)) == (1, "running", 1)
    await reported(units, gateway, "completed")
    found = await until(campaign_id, updated=1, updating=2)
    assert found["wave"] == 2
    assert len({command.payload for command in gateway.commands}) == 1  # each station has requestIds of its own
    await reported(units, gateway, "completed")
    found = await until(campaign_id, updated=3)
    assert [each["id"] for each in (await api.get("/firmware-campaigns")).json()["items"]] == [campaign_id]
    results = (await api.get(f"/bulk/{campaign_id}/results")).json()["items"]
    assert [each["outcome"] for each in results] == ["result"] * 3


@pytest.mark.usefixtures("fleet")
async def test_it_is_paused_when_many_fail_and_goes_on(api, units, gateway, start, until):
    campaign_id = await start(waves=[30, 100], stop_on_failure_rate=0.1)
    await until(campaign_id, updating=1)
    await reported(units, gateway, "failed")
    found = await until(campaign_id, failed=1)
    while found["state"] != "paused":
        found = await until(campaign_id, failed=1)
    assert "stop_on_failure_rate" in found["note"]
    assert (await api.post(f"/bulk/{campaign_id}/resume")).status_code == 200
    await until(campaign_id, updating=2)


async def test_what_is_no_campaign(api):
    for wrong in (
        {"waves": []},
        {"waves": [0]},
        {"waves": [50, 10]},
        {"window": {"begins": "22:00"}},
        {"select": {}},
        {"more": 1},
    ):
        body = {"version": "2.0", "request": FIRMWARE, "select": {"filter": {}}, **wrong}
        assert (await api.post("/firmware-campaigns", json=body)).status_code == 422
    body = {"version": "2.0", "request": {}, "select": {"filter": {}}}
    answer = await api.post("/firmware-campaigns", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/request/firmware")
    of_16 = {"location": "https://example.org/2.bin", "retrieveDate": "2026-01-01T00:00:00Z"}
    assert (await api.post("/firmware-campaigns", json={**body, "request": of_16})).status_code == 202
    assert (await api.get("/firmware-campaigns/nothing")).status_code == 404
