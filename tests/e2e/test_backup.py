"""A standalone CSMS is backed up while it runs, dies, and goes on from the backup; so do its stations."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import httpx2
from csms_testing.cluster.layout import free_port
from csms_testing.cluster.processes import ServiceProcess
from csms_testing.scripted import RawStation, station
from csms_testing.systems import API_KEY, standalone_process

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}


def event(kind: str, seq_no: int) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": f"2026-01-01T00:00:{seq_no:02}Z",
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "tx-1"},
        "evse": {"id": 1},
    }


async def tell(raw: RawStation, kind: str, seq_no: int) -> None:
    message_id = await raw.start_call("TransactionEvent", event(kind, seq_no))
    while (answer := await raw.receive())[1] != message_id:
        pass  # a CALL of the CSMS: it may ask whether the transaction goes on
    assert answer[0] == 3


async def back_up(process: ServiceProcess, directory: Path) -> str:
    environment = {**os.environ, **process.environment}
    command = [sys.executable, "-m", "csms_standalone", "backup", str(directory)]
    running = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    output, _ = await running.communicate()
    assert running.returncode == 0
    return output.decode()


async def stored(http_port: int) -> tuple[dict[str, Any], list[int]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http_port}/api/v1", headers=headers) as api:
        (found,) = (await api.get("/transactions", params={"station_id": "CS1"})).json()["items"]
        events = (await api.get(f"/transactions/{found['id']}/events")).json()["items"]
        whole = (await api.get(f"/transactions/{found['id']}")).json()
    return whole, [each["seq_no"] for each in events]


async def test_a_station_goes_on_from_the_backup(tmp_path: Path) -> None:
    ocpp_port, http_port, copy = free_port(), free_port(), tmp_path / "copy"
    url = f"ws://127.0.0.1:{ocpp_port}/ocpp/CS1"
    first = standalone_process(tmp_path, ocpp_port, http_port)
    second = standalone_process(tmp_path, ocpp_port, http_port, CSMS_DATA_DIR=str(copy))
    try:
        await first.start()
        await first.ready()
        async with station(url) as socket:
            raw = RawStation(socket)
            assert (await raw.call("BootNotification", BOOT))[2]["status"] == "Accepted"
            await tell(raw, "Started", 0)
            await tell(raw, "Updated", 1)
            assert str(copy) in await back_up(first, copy)
            await tell(raw, "Updated", 2)
            await first.kill()
        await second.start()
        await second.ready()
        async with station(url) as socket:
            raw = RawStation(socket)  # it does not boot: the CSMS knows that it is accepted
            await tell(raw, "Updated", 1)  # what it had sent before the backup comes again
            await tell(raw, "Updated", 3)
            await tell(raw, "Ended", 4)
            transaction, seq_nos = await stored(http_port)
    finally:
        await first.kill()
        await second.stop()
    assert seq_nos == [0, 1, 3, 4], "nothing double; what was told between backup and crash is missing"
    assert (transaction["state"], transaction["gaps"]) == ("Ended", [{"first": 2, "last": 2}])
