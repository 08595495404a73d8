"""TLS and SASL towards Kafka: what works, and what is refused with an error that says why."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from csms.v1.station_pb2 import StationCall
from csms_bus.admin import create_topics
from csms_bus.kafka import KafkaBus
from csms_bus.kafka_security import arguments
from csms_bus.ports import BusUnavailable, Outgoing, Start
from csms_bus.records import new_record
from csms_bus.topic_plan import Plan
from csms_bus.topics import CALLS_DEVICES
from csms_runtime.settings import KafkaAccess
from csms_testing.kafka_node import Secured
from csms_testing.mounted import MountedSecret
from csms_testing.pki import Files, Issued, Pki
from csms_testing.secured_stores import PASSWORD, secured_kafka


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KafkaAccess.model_fields:
        monkeypatch.delenv(f"CSMS_{name.upper()}", raising=False)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("secured-kafka"))


@pytest.fixture(scope="module")
def client(pki: Pki) -> Files:
    return pki.save("client", pki.client("csms"))


@pytest.fixture(scope="module")
def secured(pki: Pki) -> Iterator[Secured]:
    """One broker for all tests here; CSMS_TEST_KAFKA does not name it, for its certificates must be known."""
    with secured_kafka(pki) as secured:
        yield secured


def sasl(ca: Path, mechanism: str = "SCRAM-SHA-512", password: str = PASSWORD) -> KafkaAccess:
    return KafkaAccess.model_validate(
        {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": mechanism,
            "kafka_sasl_username": "csms",
            "kafka_sasl_password": password,
            "kafka_ca_file": ca,
        }
    )


def mutual(ca: Path, certificate: Path | None, key: Path | None = None) -> KafkaAccess:
    return KafkaAccess(
        kafka_security_protocol="SSL",
        kafka_ca_file=ca,
        kafka_client_certificate=certificate,
        kafka_client_key=key,
    )


async def there_and_back(port: int, access: KafkaAccess) -> None:
    """What a service does: topics, publishing, reading, a consumer group."""
    bootstrap, security = f"127.0.0.1:{port}", arguments(access)
    station = f"CS{time.time_ns()}"
    await create_topics(bootstrap, Plan(1, replication_factor=1), topics=[CALLS_DEVICES], security=security)
    bus = KafkaBus(bootstrap, client_id="test", security=security, heartbeat_s=0.3)
    await bus.start()
    try:
        await bus.publish([Outgoing(CALLS_DEVICES.name, new_record(station, station_call=StationCall()))])
        async with bus.read(CALLS_DEVICES.name, partition=0, start=Start.BEGINNING) as reader:
            read = [incoming.key async for incoming in _until_caught_up(reader)]
        consumer = await bus.subscribe(station, [CALLS_DEVICES.name])
        polled = await consumer.poll(max_records=100, timeout_s=10)
        await consumer.close()
    finally:
        await bus.stop()
    assert station in read
    assert station in {incoming.key for incoming in polled}


async def _until_caught_up(reader: Any) -> Any:
    async for batch in reader.batches():
        if not batch:
            return
        for incoming in batch:
            yield incoming


async def refusal(port: int, access: KafkaAccess) -> str:
    bus = KafkaBus(f"127.0.0.1:{port}", client_id="test", security=arguments(access))
    with pytest.raises(BusUnavailable) as caught:
        await bus.start()
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_with_a_password(secured: Secured, pki: Pki, mechanism: str) -> None:
    await there_and_back(secured.sasl_port, sasl(pki.root_file, mechanism))


@pytest.mark.kafka
async def test_with_a_client_certificate(secured: Secured, pki: Pki, client: Files) -> None:
    await there_and_back(secured.mutual_port, mutual(pki.root_file, client.certificate, client.key))
    both = pki.write("both.pem", client.key.read_bytes() + client.certificate.read_bytes())
    await there_and_back(secured.mutual_port, mutual(pki.root_file, both))


@pytest.mark.kafka
async def test_new_connections_use_files_that_were_replaced(secured: Secured, pki: Pki, tmp_path: Path) -> None:
    def files(*, key: Issued | None = None, ca: bytes = pki.root.pem) -> dict[str, bytes]:
        issued = pki.client("csms")
        return {"ca.crt": ca, "tls.crt": issued.pem, "tls.key": (key or issued).key_pem}

    mounted = MountedSecret(tmp_path / "mounted", files())
    access = mutual(mounted["ca.crt"], mounted["tls.crt"], mounted["tls.key"])
    security = arguments(access)  # a bus gives it to all its clients, for as long as the process lives

    async def connect_anew() -> None:
        bus = KafkaBus(f"127.0.0.1:{secured.mutual_port}", client_id="test", security=security)
        try:
            await bus.start()
        finally:
            await bus.stop()

    await connect_anew()
    mounted.replace(files())
    await connect_anew()
    mounted.replace(files(key=pki.client("another")))  # half written: the former ones stay
    await connect_anew()
    mounted.replace(files(ca=pki.unknown.pem))
    with pytest.raises(BusUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await connect_anew()
    mounted.replace(files())
    await connect_anew()


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_wrong_password_says_so(secured: Secured, pki: Pki, mechanism: str) -> None:
    said = await refusal(secured.sasl_port, sasl(pki.root_file, mechanism, password=PASSWORD + "-not"))
    assert "uthentication failed" in said


@pytest.mark.kafka
async def test_certificate_of_an_unknown_ca_says_so(secured: Secured, pki: Pki) -> None:
    other = pki.write("other.pem", pki.unknown.pem)
    assert "CERTIFICATE_VERIFY_FAILED" in await refusal(secured.sasl_port, sasl(other))


@pytest.mark.kafka
async def test_certificate_of_another_host_says_so(secured: Secured, pki: Pki) -> None:
    bus = KafkaBus(f"localhost:{secured.sasl_port}", client_id="test", security=arguments(sasl(pki.root_file)))
    with pytest.raises(BusUnavailable, match="not valid for 'localhost'"):
        await bus.start()


@pytest.mark.kafka
async def test_missing_client_certificate_is_refused(secured: Secured, pki: Pki) -> None:
    assert "Unable to bootstrap" in await refusal(secured.mutual_port, mutual(pki.root_file, None))


@pytest.mark.kafka
def test_command_lines(secured: Secured, pki: Pki) -> None:
    module = ["csms_bus.admin", "--replication-factor", "1", "--partitions", "12"]
    done = command_line(module, secured, pki, PASSWORD)
    assert done.returncode == 0, done.stderr
    refused = command_line(module, secured, pki, PASSWORD + "-not")
    assert refused.returncode == 1
    assert "uthentication failed" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert PASSWORD not in done.stdout + done.stderr + refused.stdout + refused.stderr


def command_line(module: list[str], secured: Secured, pki: Pki, password: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "CSMS_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{secured.sasl_port}",
        "CSMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "CSMS_KAFKA_SASL_USERNAME": "csms",
        "CSMS_KAFKA_SASL_PASSWORD": password,
        "CSMS_KAFKA_CA_FILE": str(pki.root_file),
    }
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)  # noqa: S603 fixed


@pytest.mark.parametrize("wrong", ["missing", "no certificate"])
def test_files_that_cannot_be_used_are_named(tmp_path: Path, pki: Pki, client: Files, wrong: str) -> None:
    file = tmp_path / "file.pem"
    if wrong != "missing":
        file.write_text(wrong)
    with pytest.raises(ValueError, match=r"CSMS_KAFKA_CA_FILE: .*file\.pem"):
        arguments(KafkaAccess(kafka_security_protocol="SSL", kafka_ca_file=file))
    with pytest.raises(ValueError, match=r"CSMS_KAFKA_CLIENT_KEY: .*"):
        arguments(mutual(pki.root_file, client.certificate, file))


def test_an_encrypted_key_is_refused_instead_of_asking_at_the_terminal(pki: Pki, client: Files) -> None:
    encrypted = client.key.with_name("encrypted.key")
    command = ["openssl", "pkcs8", "-topk8", "-in", str(client.key), "-passout", "pass:x", "-out", str(encrypted)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 a fixed command
    with pytest.raises(ValueError, match="CSMS_KAFKA_CLIENT_KEY"):
        arguments(mutual(pki.root_file, client.certificate, encrypted))


def test_unprotected_is_said_plainly() -> None:
    assert arguments(KafkaAccess()) == {"security_protocol": "PLAINTEXT"}
