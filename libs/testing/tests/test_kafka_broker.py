import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from csms.v1.station_pb2 import StationCall
from csms_bus.admin import create_topics
from csms_bus.kafka import KafkaBus
from csms_bus.ports import BusUnavailable, Outgoing
from csms_bus.records import new_record
from csms_bus.topic_plan import Plan
from csms_bus.topics import CALLS_DEVICES
from csms_testing.kafka import ONE_BROKER, KafkaError, LocalKafka, kafka_requirement
from csms_testing.requirements import require

pytestmark = pytest.mark.kafka


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    require(kafka_requirement())
    with LocalKafka(tmp_path / "kafka") as running:
        yield running


async def _publish(bootstrap: str, station_id: str, *, timeout_s: float = 2) -> None:
    bus = KafkaBus(bootstrap, client_id="test", publish_timeout_s=timeout_s)
    await bus.start()
    try:
        await bus.publish([Outgoing(CALLS_DEVICES.name, new_record(station_id, station_call=StationCall()))])
    finally:
        await bus.stop()


async def _read_stations(bootstrap: str) -> list[str]:
    bus = KafkaBus(bootstrap, client_id="test")
    await bus.start()
    consumer = await bus.subscribe("readers", [CALLS_DEVICES.name])
    try:
        records = await consumer.poll(max_records=10, timeout_s=10)
        return [incoming.key for incoming in records]
    finally:
        await consumer.close()
        await bus.stop()


async def test_killed_broker_comes_back_on_the_same_port_with_its_data(kafka: LocalKafka) -> None:
    await create_topics(kafka.bootstrap, ONE_BROKER, topics=[CALLS_DEVICES])
    await _publish(kafka.bootstrap, "CS1", timeout_s=30)
    before = kafka.bootstrap
    kafka.kill()
    assert kafka.nodes[0].pid is None
    with pytest.raises(BusUnavailable):
        await _publish(kafka.bootstrap, "CS2")
    kafka.start()
    assert kafka.bootstrap == before
    assert await _read_stations(kafka.bootstrap) == ["CS1"]


def test_broker_that_cannot_start_says_why(kafka: LocalKafka, tmp_path: Path) -> None:
    taken = kafka.nodes[0].address.port
    with pytest.raises(KafkaError, match="in use"), LocalKafka(tmp_path / "other", port=taken):
        pass


def test_broker_does_not_outlive_who_started_it() -> None:
    require(kafka_requirement())
    program = "from csms_testing.kafka import LocalKafka as K; import os; k = K(); k.nodes[0].launch(); "
    program += "print(k.nodes[0].pid, flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)  # noqa: S603
    _wait_until(lambda: not Path(f"/proc/{int(done.stdout)}").exists())


def test_runs_in_the_foreground_with_topics_until_it_is_stopped(tmp_path: Path) -> None:
    require(kafka_requirement())
    command = [sys.executable, "-m", "csms_testing.kafka", "--port", "0", "--data-dir", str(tmp_path / "kafka")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        started = next(line for line in lines if "Apache Kafka on 127.0.0.1:" in line)
        bootstrap = started.split()[3].rstrip(";")
        try:
            asyncio.run(_publish(bootstrap, "CS1", timeout_s=30))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        assert process.returncode == 0


def _wait_until(satisfied: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not satisfied():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
async def test_cluster_of_three_survives_the_loss_of_a_broker(tmp_path: Path) -> None:
    require(kafka_requirement())
    with LocalKafka(tmp_path / "kafka", brokers=3) as cluster:
        await create_topics(cluster.bootstrap, Plan(partitions=12), topics=[CALLS_DEVICES])
        await _publish(cluster.bootstrap, "CS1", timeout_s=30)
        assert await _read_stations(cluster.bootstrap) == ["CS1"]
        cluster.nodes[0].kill()
        await _publish(cluster.bootstrap, "CS1", timeout_s=30)
        assert await _read_stations(cluster.bootstrap) == ["CS1", "CS1"]
