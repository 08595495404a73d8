"""Commands for many stations, on a running system."""

import asyncio
from contextlib import AsyncExitStack

import pytest

RESET = {"type": "OnIdle"}


async def finished(api, bulk_id):
    async with asyncio.timeout(30):
        while True:
            job = (await api.get(f"/bulk/{bulk_id}")).raise_for_status().json()
            if job["finished_at"]:
                return job
            await asyncio.sleep(0.05)


@pytest.fixture
async def stations(connect, api, station_id):
    """Four connected stations, on all gateways."""
    async with AsyncExitStack() as stack:
        found = []
        for number in range(4):
            station = await stack.enter_async_context(connect(f"{station_id}-{number}", gateway=number))
            await station.boot()
            found.append(station)
        async with asyncio.timeout(10):
            for station in found:
                await connected(api, station.id)
        yield found


async def connected(api, station_id):
    while True:
        if (await api.get(f"/stations/{station_id}")).json().get("connected"):
            return
        await asyncio.sleep(0.05)


async def test_each_station_gets_it_once_and_has_its_result(api, stations, station_id):
    stations[1].reset_status = "Rejected"
    away = f"{station_id}-away"
    (await api.put(f"/stations/{away}", json={})).raise_for_status()
    ids = [*(station.id for station in stations), away]
    body = {"action": "Reset", "payload": RESET, "select": {"ids": ids}, "rate_per_s": 100}
    headers = {"Idempotency-Key": station_id}
    first = (await api.post("/bulk", json=body, headers=headers)).raise_for_status().json()
    again = (await api.post("/bulk", json=body, headers=headers)).raise_for_status().json()
    assert again["id"] == first["id"]
    job = await finished(api, first["id"])
    counts = {name: number for name, number in job["counts"].items() if number}
    assert (job["state"], counts) == ("completed", {"result": 4, "not_connected": 1})
    results = (await api.get(f"/bulk/{first['id']}/results")).json()["items"]
    statuses = [each["response"] and each["response"]["status"] for each in results]
    assert statuses == ["Accepted", "Rejected", "Accepted", "Accepted", None]
    assert [station.received.qsize() for station in stations] == [1, 1, 1, 1]


async def test_the_rate_holds_and_a_cancelled_job_sends_no_more(api, stations):
    body = {"action": "Reset", "payload": RESET, "select": {"ids": [each.id for each in stations]}, "rate_per_s": 0.2}
    bulk_id = (await api.post("/bulk", json=body)).raise_for_status().json()["id"]
    await asyncio.wait_for(stations[0].received.get(), 10)
    assert (await api.post(f"/bulk/{bulk_id}/cancel")).json()["state"] == "cancelled"
    job = await finished(api, bulk_id)
    assert (job["counts"]["result"], job["counts"]["cancelled"]) == (1, 3)
    assert sum(station.received.qsize() for station in stations) == 0
