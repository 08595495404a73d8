"""Three gateways on Kafka, two of them new: stations of the first one come to the others, and then all is quiet."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from csms_bus.admin import create_topics
from csms_bus.kafka import KafkaBus
from csms_bus.topic_plan import Plan
from csms_testing.cluster.layout import Layout, free_port
from csms_testing.cluster.processes import ServiceProcess
from csms_testing.kafka import LocalKafka, kafka_requirement
from csms_testing.requirements import require
from csms_testing.scripted import RawStation, ScriptedServices, station

GATEWAYS = 3
STATIONS = 100
CHARGING = 5
EVEN = 57
"""A gateway with so many has at most four times the square root of the mean more than that."""
QUIET_S = 5.0
"""Longer than stations must be silent before they may go, and ten intervals."""
SETTINGS = {"CSMS_SHED_INTERVAL_S": "0.3", "CSMS_SHED_SHARE": "0.2", "CSMS_STATUS_INTERVAL_S": "0.1"}
STARTED = {
    "eventType": "Started",
    "timestamp": "2026-01-01T00:00:00Z",
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "tx-1"},
}


class Fleet:
    """Stations that begin at the first gateway. One that is closed comes back to the next one in turn."""

    def __init__(self, urls: list[str]) -> None:
        self.where: dict[str, int] = {}
        self.closed: list[tuple[str, int]] = []
        self.changed = asyncio.Condition()
        self._urls = urls
        self._turns = itertools.count()

    async def live(self, name: str) -> None:
        gateway = 0
        while True:
            async with station(f"{self._urls[gateway]}/{name}") as socket:
                if name.startswith("CHARGING"):
                    await RawStation(socket).call("TransactionEvent", STARTED)
                await self._change(name, gateway)
                await socket.wait_closed()
                self.closed.append((name, socket.close_code or 0))
            gateway = next(self._turns) % GATEWAYS

    async def _change(self, name: str, gateway: int) -> None:
        async with self.changed:
            self.where[name] = gateway
            self.changed.notify_all()

    async def connected(self) -> None:
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.where) == STATIONS)

    async def quiet(self) -> None:
        """Wait until no station has been moved for some time."""
        async with asyncio.timeout(60):
            while True:
                async with self.changed:
                    try:
                        await asyncio.wait_for(self.changed.wait(), QUIET_S)
                    except TimeoutError:
                        return

    def sizes(self) -> list[int]:
        found = Counter(self.where.values())
        return [found[gateway] for gateway in range(GATEWAYS)]


@asynccontextmanager
async def site(directory: Path) -> AsyncIterator[tuple[Layout, list[ServiceProcess]]]:
    """A broker of its own, scripted services, and three gateway processes: other tests' gateways would count too."""
    async with AsyncExitStack() as stack:
        kafka = LocalKafka(directory / "kafka")
        stack.callback(kafka.close)
        await asyncio.to_thread(kafka.start)
        await create_topics(kafka.bootstrap, Plan(3, GATEWAYS, replication_factor=1))
        bus = KafkaBus(kafka.bootstrap, client_id="scripted")
        await bus.start()
        stack.push_async_callback(bus.stop)
        services = await stack.enter_async_context(ScriptedServices(bus))
        services.answers["TransactionEvent"] = {}
        ports = [free_port() for _ in range(GATEWAYS)]
        layout = Layout(kafka.bootstrap, "", directory, ocpp_ports=ports, settings=SETTINGS)
        gateways = [process for process in layout.processes() if process.name.startswith("gateway")]
        for gateway in gateways:
            stack.push_async_callback(gateway.stop)
            await gateway.start()
        for gateway in gateways:
            await gateway.ready()
        yield layout, gateways


async def shed(gateway: ServiceProcess) -> int:
    async with httpx2.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{gateway.management_port}/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("csms_gateway_shed_total")]
    return int(float(lines[0].split()[-1]))


@pytest.mark.kafka
@pytest.mark.timeout(180)
async def test_stations_come_to_new_gateways_and_then_stay(tmp_path: Path) -> None:
    require(kafka_requirement())
    async with site(tmp_path) as (layout, gateways):
        fleet = Fleet(layout.ocpp_urls)
        names = [f"{'CHARGING' if number < CHARGING else 'IDLE'}-{number}" for number in range(STATIONS)]
        living = [asyncio.create_task(fleet.live(name)) for name in names]
        try:
            await fleet.connected()
            await fleet.quiet()
            assert sum(fleet.sizes()) == STATIONS
            assert max(fleet.sizes()) <= EVEN, fleet.sizes()
            assert {code for _, code in fleet.closed} == {1001}
            assert all(name.startswith("IDLE") for name, _ in fleet.closed)
            assert [await shed(gateway) for gateway in gateways] == [len(fleet.closed), 0, 0]
            assert len(set(fleet.closed)) == len(fleet.closed), "no station goes twice within an hour"
        finally:
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
