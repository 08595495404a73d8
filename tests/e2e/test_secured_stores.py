"""All services with Kafka over TLS and SASL, and PostgreSQL over TLS: nothing connects in any other way."""

import asyncio
import json

import pytest
import websockets
from csms_testing.pki import Pki
from csms_testing.secured_stores import PASSWORD, USERNAME, secured_kafka, tls_postgres
from csms_testing.systems import distributed

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}


async def test_a_station_is_served(tmp_path, monkeypatch):
    pki = Pki(tmp_path / "pki")
    with secured_kafka(pki) as kafka, tls_postgres(pki) as postgres:
        for name, value in {
            "CSMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "CSMS_KAFKA_SASL_USERNAME": USERNAME,
            "CSMS_KAFKA_SASL_PASSWORD": PASSWORD,
            "CSMS_KAFKA_CA_FILE": str(pki.root_file),
        }.items():
            monkeypatch.setenv(name, value)
        database_url = f"{postgres.url}?sslmode=verify-full&sslrootcert={pki.root_file}"
        async with distributed(
            tmp_path, kafka=f"127.0.0.1:{kafka.sasl_port}", database_url=database_url, gateways=1
        ) as system:
            answer = await first_boot(f"{system.ocpp_urls[0]}/CS1")
            assert answer["status"] == "Accepted"
            async with system.client() as api:
                station = (await api.get("/stations/CS1")).raise_for_status().json()
                assert station["station_id"] == "CS1"
    for log in tmp_path.glob("*.log"):
        assert PASSWORD not in log.read_text()


async def first_boot(url):
    async with websockets.connect(url, subprotocols=["ocpp2.0.1"]) as connection:
        await connection.send(json.dumps([2, "1", "BootNotification", BOOT]))
        return json.loads(await asyncio.wait_for(connection.recv(), 20))[2]
