"""Simulated stations get a template's values and a campaign's firmware, on a running system."""

import asyncio
import math
from contextlib import asynccontextmanager

from csms_testing.simulator import Clock, Ledger, Station, StationConfig

INTERVAL = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
FIRMWARE = {"firmware": {"location": "https://example.org/2.bin", "retrieveDateTime": "2026-01-01T00:00:00Z"}}


@asynccontextmanager
async def simulated(system, station_id):
    station = Station(system.ocpp_urls[0], station_id, ledger=Ledger(), clock=Clock(math.inf), config=StationConfig())
    await station.start()
    await station.wait_accepted(60)
    try:
        yield station
    finally:
        await station.stop()


async def until(read, done):
    async with asyncio.timeout(30):
        while True:
            found = (await read()).raise_for_status().json()
            if done(found):
                return found
            await asyncio.sleep(0.1)


async def test_a_template_is_applied_and_a_station_asked_for_an_update(system, api, station_id):
    template = f"/configuration-templates/{station_id}"
    body = {"select": {"ids": [station_id]}, "variables": [{**INTERVAL, "attributeValue": "77"}]}
    async with simulated(system, station_id):
        (await api.put(template, json=body)).raise_for_status()
        bulk_id = (await api.post(f"{template}/apply", json={})).raise_for_status().json()["id"]
        job = await until(lambda: api.get(f"/bulk/{bulk_id}"), lambda found: found["finished_at"])
        assert job["counts"]["result"] == 1
        drift = (await api.get(f"/stations/{station_id}/configuration-drift")).json()["items"]
        assert [(each["template_id"], each["state"]) for each in drift] == [(station_id, "matches")]

        body = {"version": "2.0", "request": FIRMWARE, "select": {"ids": [station_id]}}
        campaign = (await api.post("/firmware-campaigns", json=body)).raise_for_status().json()["id"]
        path = f"/firmware-campaigns/{campaign}"
        through = ("updating", "updated", "failed")
        await until(lambda: api.get(path), lambda found: sum(found["counts"][name] for name in through) == 1)
        assert (await api.post(f"/bulk/{campaign}/cancel")).status_code in (200, 409), "409: it is over"
    (await api.delete(template)).raise_for_status()
