"""500 stations of all versions of OCPP each run a session; what they know to have sent is what is stored, once."""

import asyncio
import math
import uuid
from typing import Any

import httpx2
import pytest
from csms_testing.simulator import Clock, Ledger, Station, StationConfig
from csms_testing.simulator.protocol import Protocol

STATIONS = 500
CONNECTING_AT_ONCE = 50
ENERGY_WH = 2000
CONFIGS = [StationConfig(protocol=protocol) for protocol in Protocol]


async def _session(station: Station, id_token: str, gate: asyncio.Semaphore) -> Any:
    async with gate:
        await station.start()
        await station.wait_accepted(60)
    try:
        return await station.charge(1, id_token, energy_wh=ENERGY_WH, meter_interval_s=0)
    finally:
        await station.stop()


Book = dict[tuple[str, str], tuple[list[int], float]]
"""By station and transaction: seqNos, and the energy in whole Wh, of which OCPP 1.6 tells no parts."""


async def _stored(api: httpx2.AsyncClient, station_id: str, gate: asyncio.Semaphore) -> Book:
    """What the API shows of a station's transactions."""
    async with gate:
        found = (await api.get("/transactions", params={"station_id": station_id})).raise_for_status().json()["items"]
        result = {}
        for item in found:
            answer = await api.get(f"/transactions/{item['id']}/events", params={"limit": 1000})
            events = answer.raise_for_status().json()["items"]
            seq_nos = [event["seq_no"] for event in events]
            result[station_id, item["transaction_id"]] = (seq_nos, round(item["energy_wh"]))
        return result


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_event_of_500_stations_is_stored_exactly_once(system, api):
    run, ledger = uuid.uuid4().hex[:6], Ledger()
    id_token = f"FLEET{run}".upper()
    (await api.put(f"/id-tokens/ISO14443/{id_token}", json={"status": "Accepted"})).raise_for_status()
    urls, clock = system.ocpp_urls, Clock(math.inf)
    stations = [
        Station(
            urls[n % len(urls)],
            f"FLEET-{run}-{n:04d}",
            ledger=ledger,
            clock=clock,
            config=CONFIGS[n // len(urls) % len(CONFIGS)],
        )
        for n in range(STATIONS)
    ]
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
    await asyncio.gather(*(_session(station, id_token, gate) for station in stations))

    summary = ledger.summary()
    assert summary["transactions"] == STATIONS
    assert summary["acknowledged"] == summary["events"]
    assert ledger.violations == []
    assert [entry.errors for entry in ledger if entry.errors] == []

    reading = asyncio.Semaphore(20)
    stored: Book = {}
    for part in await asyncio.gather(*(_stored(api, station.id, reading) for station in stations)):
        stored |= part
    assert stored == {key: (seq_nos, ENERGY_WH) for key, seq_nos in ledger.transactions().items()}
