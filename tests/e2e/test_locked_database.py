"""Somebody else holds the locks of all database files for ten seconds, as a backup or a curious administrator might."""

import asyncio
import contextlib
import json
import sqlite3
import time

import httpx2
import pytest
from csms_testing.cluster.layout import free_port
from csms_testing.simulator import Clock, Station
from csms_testing.systems import API_KEY, standalone_process
from websockets.asyncio.client import connect

KEY = {"Authorization": f"Bearer {API_KEY}"}
LOCKED_S = 10.0


@contextlib.contextmanager
def locked(directory):
    files = [sqlite3.connect(path, timeout=30) for path in directory.glob("**/*.db")]
    try:
        for file in files:
            file.isolation_level = None
            file.execute("BEGIN IMMEDIATE")
        yield len(files)
    finally:
        for file in files:
            file.rollback()
            file.close()


async def heartbeats(socket, seconds):
    """Send one after the other; the longest time to an answer."""
    longest, number, ends_at = 0.0, 0, time.monotonic() + seconds
    while time.monotonic() < ends_at:
        number += 1
        began = time.monotonic()
        await socket.send(json.dumps([2, f"h{number}", "Heartbeat", {}]))
        async with asyncio.timeout(20):
            assert json.loads(await socket.recv())[:2] == [3, f"h{number}"]
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0.05)
    return longest


@pytest.mark.alone
async def test_gateways_go_on_and_everything_is_handled_once_afterwards(tmp_path):
    ocpp_port, http_port = free_port(), free_port()
    process = standalone_process(tmp_path, ocpp_port, http_port)
    url = f"ws://127.0.0.1:{ocpp_port}/ocpp"
    station = Station(url, "CS-CHARGES", clock=Clock(600))

    def acknowledged():
        return {seq_no for _, _, seq_no in station.ledger.acknowledged_keys()}

    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http_port}/api/v1", headers=KEY, timeout=30) as api:
        await process.start()
        await process.ready()
        (await api.put("/id-tokens/ISO14443/LOCKED", json={"status": "Accepted"})).raise_for_status()
        await station.start()
        await station.wait_accepted()
        charging = asyncio.create_task(station.charge(1, "LOCKED", duration_s=1e7, meter_interval_s=60))
        try:
            await station.wait_for(lambda: len(acknowledged()) > 5)
            async with connect(f"{url}/CS-BEATS", subprotocols=["ocpp2.0.1"], proxy=None) as socket:
                boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
                await socket.send(json.dumps([2, "1", "BootNotification", boot]))
                assert json.loads(await socket.recv())[2]["status"] == "Accepted"
                with locked(tmp_path / "data") as files:
                    assert files >= 3
                    longest = await heartbeats(socket, LOCKED_S)
            before = len(acknowledged())
            await station.wait_for(lambda: len(acknowledged()) > before + 10, timeout_s=60)
            known = acknowledged()
            (transaction,) = (await api.get("/transactions")).json()["items"]
            events = (await api.get(f"/transactions/{transaction['id']}/events", params={"limit": 1000})).json()
        finally:
            charging.cancel()
            await station.stop()
            await process.stop()
    stored = [event["seq_no"] for event in events["items"]]
    assert len(stored) == len(set(stored))
    assert known <= set(stored)
    assert longest < 2.0, "the gateway waited for a database"
