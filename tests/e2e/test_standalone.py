"""What a newcomer meets: one command, a key shown once, one API document, and the data still there after a restart."""

import asyncio
import json
import os
import re
import ssl
import sys

import httpx2
import pytest
from csms_testing.cluster.layout import free_port
from csms_testing.conformance import Connector, Operator
from csms_testing.conformance.states import booted
from csms_testing.csrs import csr_pem
from csms_testing.secured import secured
from csms_testing.simulator import Clock, Station
from csms_testing.systems import API_KEY, standalone_process
from websockets.asyncio.client import connect

KEY = {"Authorization": f"Bearer {API_KEY}"}


async def test_data_is_still_there_after_a_restart(tmp_path):
    ocpp_port, http_port = free_port(), free_port()
    process = standalone_process(tmp_path, ocpp_port, http_port)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http_port}/api/v1", headers=KEY, timeout=30) as api:
        await process.start()
        await process.ready()
        (await api.put("/id-tokens/ISO14443/KEEP", json={"status": "Accepted"})).raise_for_status()
        async with Station(f"ws://127.0.0.1:{ocpp_port}/ocpp", "CS-KEEP") as station:
            await station.wait_accepted()
            charged = await station.charge(1, "KEEP", energy_wh=1000, meter_interval_s=0)
        (before,) = (await api.get("/transactions")).json()["items"]
        await process.stop()

        await process.start()
        await process.ready()
        try:
            (after,) = (await api.get("/transactions")).json()["items"]
            assert after == before
            assert after["transaction_id"] == charged.transaction_id
            assert after["energy_wh"] == pytest.approx(1000, abs=1)
            assert (await api.get("/stations/CS-KEEP")).json()["connected"] is False
            assert (await api.get("/id-tokens/ISO14443/KEEP")).json()["status"] == "Accepted"
        finally:
            await process.stop()


async def test_what_was_acknowledged_survives_kill_9(tmp_path):
    ocpp_port, http_port = free_port(), free_port()
    process = standalone_process(tmp_path, ocpp_port, http_port)
    station = Station(f"ws://127.0.0.1:{ocpp_port}/ocpp", "CS-CRASH", clock=Clock(6000))

    def acknowledged() -> set[int]:
        return {seq_no for _, _, seq_no in station.ledger.acknowledged_keys()}

    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http_port}/api/v1", headers=KEY, timeout=30) as api:
        await process.start()
        await process.ready()
        (await api.put("/id-tokens/ISO14443/CRASH", json={"status": "Accepted"})).raise_for_status()
        await station.start()
        await station.wait_accepted()
        charging = asyncio.create_task(station.charge(1, "CRASH", duration_s=1e7, meter_interval_s=60))
        try:
            await station.wait_for(lambda: len(acknowledged()) > 20)
            await process.kill()
            before = acknowledged()
            await process.start()
            await process.ready()
            await station.wait_for(lambda: len(acknowledged()) > len(before) + 20, timeout_s=60)
            (transaction,) = (await api.get("/transactions")).json()["items"]
            events = (await api.get(f"/transactions/{transaction['id']}/events", params={"limit": 1000})).json()
        finally:
            charging.cancel()
            await station.stop()
            await process.stop()
    stored = [event["seq_no"] for event in events["items"]]
    assert len(stored) == len(set(stored))
    assert before <= set(stored)


async def test_a_certificate_that_was_promised_survives_kill_9(tmp_path):
    security = await secured(tmp_path)
    ocpp_port, http_port = free_port(), free_port()
    process = standalone_process(tmp_path, ocpp_port, http_port, **security.settings)
    connector = Connector([f"ws://127.0.0.1:{ocpp_port}/ocpp"], "CS-SIGN")
    request = {"csr": csr_pem("SN-1")}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http_port}/api/v1", headers=KEY, timeout=30) as api:
        await process.start()
        await process.ready()
        try:
            (await api.put("/stations/CS-SIGN", json={"serial_number": "SN-1"})).raise_for_status()
            async with connector(quiet=False) as station:
                await booted(station)
                assert (await station.call("SignCertificate", request))["status"] == "Accepted"
                await process.kill()
            await process.start()
            await process.ready()
            async with connector() as station:
                await booted(station)
                await station.reply("CertificateSigned", {"status": "Accepted"})

                async def accepted() -> bool:
                    return [item["state"] for item in (await api.get("/certificates")).json()["items"]] == ["Accepted"]

                await Operator.eventually(accepted)
        finally:
            await process.stop()


async def test_the_first_start_prints_an_admin_key_that_works(tmp_path):
    http_port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CSMS_")}
    environment |= {"CSMS_DATA_DIR": str(tmp_path / "data"), "CSMS_OCPP_PORT": "0", "CSMS_HTTP_PORT": str(http_port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "csms_standalone", "serve", env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"Admin key" not in (line := await process.stdout.readline()):
                assert line, "the process ended"
        key = line.decode().split()[2]
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http_port}") as client:
            accepted = await client.get("/api/v1/stations", headers={"Authorization": f"Bearer {key}"})
            refused = await client.get("/api/v1/stations")
            document = (await client.get("/openapi.json")).json()
            metrics = (await client.get("/metrics")).text
    finally:
        process.terminate()
        await process.communicate()
    assert accepted.status_code == 200
    assert refused.status_code == 401
    for path in (
        "/stations/{station_id}/calls/{action}",
        "/id-tokens/{type}/{id_token}",
        "/transactions",
        "/gateway/connections",
    ):
        assert f"/api/v1{path}" in document["paths"], sorted(document["paths"])
    assert "csms_" in metrics


async def test_with_a_tls_port_it_makes_its_own_certificates(tmp_path):
    """The welcome text says what to connect to and what to trust; csms-pki makes a station's certificate."""
    http_port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CSMS_")}
    environment |= {
        "CSMS_DATA_DIR": str(tmp_path / "data"),
        "CSMS_OCPP_PORT": "0",
        "CSMS_OCPP_TLS_PORT": "0",
        "CSMS_HTTP_PORT": str(http_port),
        "CSMS_ADMIN_API_KEY": API_KEY,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "csms_standalone", "serve", env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        text = ""
        async with asyncio.timeout(60):
            while "Data  " not in text:
                line = await process.stdout.readline()
                assert line, text
                text += line.decode()
        (url,) = re.findall(r"(wss://localhost:\d+/ocpp)/\{station_id\}", text)
        (root,) = re.findall(r"verify the CSMS with (\S+)", text)
        made = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "csms_auth.pki", "station", "--serial", "SN-7", env=environment
        )
        assert await made.wait() == 0
        stations = tmp_path / "data" / "pki" / "stations"
        context = ssl.create_default_context(cafile=root)
        context.load_cert_chain(stations / "SN-7.pem", stations / "SN-7.key")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http_port}/api/v1", headers=KEY) as api:
            station = {"security_profile": 3, "serial_number": "SN-7"}
            (await api.put("/stations/CS7", json=station)).raise_for_status()
        async with connect(f"{url}/CS7", ssl=context, subprotocols=["ocpp2.0.1"], proxy=None) as socket:
            boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V", "serialNumber": "SN-7"}}
            await socket.send(json.dumps([2, "1", "BootNotification", boot]))
            async with asyncio.timeout(10):
                answer = json.loads(await socket.recv())
        assert (answer[0], answer[2]["status"]) == (3, "Accepted")
    finally:
        process.terminate()
        await process.communicate()
