"""500 simulated stations each run a whole session; what they know to have sent is what is stored, once."""

import asyncio
import math
import uuid
from typing import Any

import httpx2
import pytest
from csms_testing.simulator import Clock, Ledger, Station

STATIONS = 500
CONNECTING_AT_ONCE = 50


async def _session(url: str, station_id: str, id_token: str, ledger: Ledger, gate: asyncio.Semaphore) -> Any:
    station = Station(url, station_id, ledger=ledger, clock=Clock(math.inf))
    async with gate:
        await station.start()
        await station.wait_accepted(60)
    try:
        return await station.charge(1, id_token, energy_wh=2000, meter_interval_s=0)
    finally:
        await station.stop()


async def _stored(
    api: httpx2.AsyncClient, station_id: str, gate: asyncio.Semaphore
) -> dict[tuple[str, str], list[int]]:
    """The seqNos of each of a station's transactions, as the API shows them."""
    async with gate:
        found = (await api.get("/transactions", params={"station_id": station_id})).raise_for_status().json()["items"]
        result = {}
        for item in found:
            answer = await api.get(f"/transactions/{item['id']}/events", params={"limit": 1000})
            events = answer.raise_for_status().json()["items"]
            result[station_id, item["transaction_id"]] = [event["seq_no"] for event in events]
        return result


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_event_of_500_stations_is_stored_exactly_once(system, api):
    run, ledger = uuid.uuid4().hex[:6], Ledger()
    id_token = f"FLEET{run}".upper()
    (await api.put(f"/id-tokens/ISO14443/{id_token}", json={"status": "Accepted"})).raise_for_status()
    stations = [(system.ocpp_urls[n % len(system.ocpp_urls)], f"FLEET-{run}-{n:04d}") for n in range(STATIONS)]
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
    await asyncio.gather(*(_session(url, name, id_token, ledger, gate) for url, name in stations))

    summary = ledger.summary()
    assert summary["transactions"] == STATIONS
    assert summary["acknowledged"] == summary["events"]
    assert ledger.violations == []
    assert [entry.errors for entry in ledger if entry.errors] == []

    reading = asyncio.Semaphore(20)
    stored: dict[tuple[str, str], list[int]] = {}
    for part in await asyncio.gather(*(_stored(api, name, reading) for _, name in stations)):
        stored |= part
    assert stored == ledger.transactions()
