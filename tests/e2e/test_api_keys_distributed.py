"""API keys and the audit log while services and the bus come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from csms_bus.admin import create_topics
from csms_testing.cluster.layout import Layout, free_port
from csms_testing.cluster.processes import ServiceProcess
from csms_testing.databases import TestDatabases
from csms_testing.kafka import ONE_BROKER, LocalKafka, kafka_requirement
from csms_testing.requirements import require

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]

ADMIN = "admin-key-for-the-cluster"
PATHS = {
    "auth-0": "/id-tokens",
    "transactions-0": "/transactions",
    "device-mgmt-0": "/stations",
    "history-0": "/stations/x/timeline",
    "gateway-0": "/gateway/connections",
}
DEADLINE_S = 30.0


class Cluster:
    """One process of each service, each called by itself."""

    def __init__(self, kafka: LocalKafka, processes: list[ServiceProcess], client: httpx2.AsyncClient) -> None:
        self.kafka = kafka
        self.processes = {process.name: process for process in processes}
        self._client = client

    async def start(self, *names: str) -> None:
        for name in names:
            await self.processes[name].start()
        for name in names:
            await self.processes[name].ready()

    async def stop(self, *names: str) -> None:
        await asyncio.gather(*(self.processes[name].stop() for name in names))

    async def __call__(
        self, name: str, method: str, path: str, json: object = None, key: str = ADMIN
    ) -> httpx2.Response:
        url = f"http://127.0.0.1:{self.processes[name].environment['CSMS_HTTP_PORT']}/api/v1{path}"
        return await self._client.request(method, url, json=json, headers={"Authorization": f"Bearer {key}"})

    async def statuses(self, key: str, *names: str) -> set[int]:
        return {(await self(name, "GET", PATHS[name], key=key)).status_code for name in names}

    async def until(self, status: int, key: str, *names: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while await self.statuses(key, *names) != {status}:  # noqa: ASYNC110 other processes change it
                await asyncio.sleep(0.05)


@pytest.fixture
async def cluster(tmp_path: Path, test_databases: TestDatabases) -> AsyncIterator[Cluster]:
    """On a Kafka of its own: another cluster's consumers would take what is meant for this one's."""
    require(kafka_requirement())
    async with AsyncExitStack() as stack:
        kafka = stack.enter_context(LocalKafka())
        await create_topics(kafka.bootstrap, ONE_BROKER)
        client = await stack.enter_async_context(httpx2.AsyncClient(timeout=60))
        layout = Layout(
            kafka=kafka.bootstrap,
            database_url=test_databases.empty_postgresql(),
            directory=tmp_path,
            ocpp_ports=[free_port()],
            api_key=ADMIN,
        )
        for migration in layout.migrations():
            await migration.start()
            assert await migration.ended() == 0
        cluster = Cluster(kafka, layout.processes(), client)
        stack.push_async_callback(cluster.stop, *PATHS)
        await cluster.start(*PATHS)
        yield cluster


@pytest.mark.timeout(240)
async def test_keys_and_audit_bear_restarts_and_a_bus_that_is_away(cluster: Cluster) -> None:
    made = [
        (await cluster("auth-0", "POST", "/api-keys", {"name": name, "scopes": ["operate"]})).json()
        for name in ("kept", "gone")
    ]
    kept, gone = (item["key"] for item in made)
    await cluster.until(200, kept, *PATHS)
    await cluster.until(200, gone, *PATHS)

    # A service that starts knows the keys although auth is away, and misses no revocation while it is away itself.
    await cluster.stop("auth-0", "transactions-0", "gateway-0")
    await cluster.start("transactions-0")
    assert await cluster.statuses(kept, "transactions-0", "device-mgmt-0") == {200}
    await cluster.stop("transactions-0")
    await cluster.start("auth-0")
    assert (await cluster("auth-0", "DELETE", f"/api-keys/{made[1]['id']}")).status_code == 204
    await cluster.until(401, gone, "device-mgmt-0")
    await cluster.start("transactions-0", "gateway-0")
    assert await cluster.statuses(gone, *PATHS) == {401}
    assert await cluster.statuses(kept, *PATHS) == {200}

    # What is done while the bus is away is told when it is back.
    await asyncio.to_thread(cluster.kafka.stop)
    answer = await cluster("transactions-0", "POST", "/transactions/nothing/remote-stop", {}, key=kept)
    await asyncio.to_thread(cluster.kafka.start)
    assert answer.status_code == 404
    async with asyncio.timeout(DEADLINE_S):
        while not (found := (await cluster("auth-0", "GET", "/audit?principal=kept")).json()["items"]):  # noqa: ASYNC110 as above
            await asyncio.sleep(0.1)
    assert [(entry["service"], entry["status"]) for entry in found] == [("transactions", 404)]
    assert found[0]["request_id"] == answer.headers["x-request-id"]
