"""Services that start before their topics, on a broker that makes topics by itself, and replicas beyond the inboxes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from csms_bus.admin import check_topics, create_topics
from csms_testing.cluster.layout import Layout, free_port
from csms_testing.cluster.processes import ServiceProcess
from csms_testing.databases import TestDatabases
from csms_testing.kafka import ONE_BROKER, LocalKafka, kafka_requirement
from csms_testing.requirements import require
from csms_testing.simulator import Station

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]

SOON_S = 30.0
"""Seconds on a busy machine; alone it takes two or three."""
FEW = replace(ONE_BROKER, inbox_partitions=1)
"""Inboxes for one replica of each service."""


@pytest.fixture
def kafka() -> Iterator[LocalKafka]:
    require(kafka_requirement())
    with LocalKafka(settings={"auto.create.topics.enable": "true"}) as broker:
        yield broker


@pytest.fixture
async def processes(
    tmp_path: Path, kafka: LocalKafka, test_databases: TestDatabases
) -> AsyncIterator[list[ServiceProcess]]:
    """All services with two gateways, started, on a broker without topics."""
    layout = Layout(
        kafka=kafka.bootstrap,
        database_url=test_databases.empty_postgresql(),
        directory=tmp_path,
        ocpp_ports=[free_port(), free_port()],
    )
    for migration in layout.migrations():
        await migration.start()
        assert await migration.ended() == 0
    async with AsyncExitStack() as stack:
        made = layout.processes()
        for process in made:
            await process.start()
            stack.push_async_callback(process.stop)
        yield made


async def answer(process: ServiceProcess, path: str) -> tuple[int, str]:
    async with httpx2.AsyncClient(timeout=5) as client:
        response = await client.get(f"http://127.0.0.1:{process.management_port}{path}")
        return response.status_code, response.text


async def until_it_says(process: ServiceProcess, words: str) -> None:
    """Wait until the process is not ready for this reason."""
    said = ""
    try:
        async with asyncio.timeout(60):
            while words not in said:
                try:
                    status, said = await answer(process, "/readyz")
                except httpx2.TransportError:  # it starts
                    await asyncio.sleep(0.1)
                    continue
                assert status != 200, said
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"{process.name} says {said!r}; {process.log_file.read_text()[-2000:]}")


async def served(processes: list[ServiceProcess], gateway: str, *station_ids: str) -> None:
    port = next(each.environment["CSMS_OCPP_PORT"] for each in processes if each.name == gateway)
    for station_id in station_ids:
        async with Station(f"ws://127.0.0.1:{port}/ocpp", station_id, password="a-password-of-it") as station:
            await station.wait_accepted(SOON_S)


@pytest.mark.timeout(240)
async def test_services_wait_for_topics_and_for_room_in_the_inboxes(
    kafka: LocalKafka, processes: list[ServiceProcess]
) -> None:
    for process in processes:
        await until_it_says(process, "missing (or no ACL")
        assert (await answer(process, "/healthz"))[0] == 200
    assert all("is missing" in line for line in await check_topics(kafka.bootstrap, FEW))  # nobody made one
    told_to_end = processes[0]
    await told_to_end.stop()
    assert await told_to_end.ended() == 0
    await told_to_end.start()

    await create_topics(kafka.bootstrap, FEW)
    beyond = next(process for process in processes if process.name == "gateway-1")
    async with asyncio.timeout(SOON_S):
        await asyncio.gather(*(process.ready(SOON_S) for process in processes if process is not beyond))
    await served(processes, "gateway-0", "CS1", "CS2", "CS3", "CS4")
    await until_it_says(beyond, "gateway.inbox has 1 partitions, CSMS_SLOT=1 needs 2")

    await create_topics(kafka.bootstrap, replace(ONE_BROKER, inbox_partitions=2))
    await beyond.ready(SOON_S)
    await served(processes, "gateway-1", "CS1", "CS5")
    assert await check_topics(kafka.bootstrap, replace(ONE_BROKER, inbox_partitions=2)) == []
