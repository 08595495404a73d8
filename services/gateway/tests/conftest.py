"""A gateway on the in-process bus, with scripted services behind it and raw stations before it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from csms_bus.memory import MemoryBus
from csms_bus.ports import BusUnavailable, Outgoing, Settled
from csms_gateway.app import Gateway
from csms_gateway.settings import GatewaySettings
from csms_runtime.health import Health
from csms_testing.scripted import RawStation, ScriptedServices, basic, station

SECRET = "a secret of the tests"
QUICK = {
    "secret_key": SECRET,
    "ocpp_port": 0,
    "max_connections": 1000,
    "drain_spread_s": 0.05,
    "drain_calls_s": 5,
    "close_timeout_s": 0.5,
    "result_max_age_s": 5,
    "status_interval_s": 60,
    "presence_interval_s": 60,
}


class BreakableBus(MemoryBus):
    """An in-process bus whose publishing can be made to fail for some topics, or to wait for some stations."""

    broken: frozenset[str] = frozenset()
    """Topics that cannot be published to."""
    hold: Mapping[str, asyncio.Event] = {}
    """Publishing for these stations waits for the event."""

    def __init__(self, *, durable: bool) -> None:
        super().__init__()
        self._durable = durable
        self.holding = asyncio.Event()
        """Set when the first publisher waits."""
        self.refused = asyncio.Event()
        """Set when the first publisher was refused."""

    @property
    def durable(self) -> bool:
        return self._durable

    async def publish(self, records: Sequence[Outgoing], settled: Settled | None = None) -> None:
        for outgoing in records:
            if outgoing.record.station_id in self.hold:
                self.holding.set()
                await self.hold[outgoing.record.station_id].wait()
        if any(outgoing.topic in self.broken for outgoing in records):
            self.refused.set()
            raise BusUnavailable("broken by the test")
        await super().publish(records, settled)


class System:
    """What a test works with."""

    def __init__(self, bus: BreakableBus, services: ScriptedServices, gateway: Gateway, health: Health) -> None:
        self.bus = bus
        self.services = services
        self.gateway = gateway
        self.health = health
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    @property
    def base_url(self) -> str:
        return f"ws://127.0.0.1:{self.gateway.port}"

    def url(self, station_id: str) -> str:
        return f"{self.base_url}/ocpp/{station_id}"

    async def connect(
        self, station_id: str = "CS1", *, headers: Mapping[str, str] | None = None, **options: object
    ) -> RawStation:
        """Connect a station that is closed at the end of the test."""
        chosen = basic(station_id, "secret password 1") if headers is None else headers
        socket = await self._stack.enter_async_context(
            station(self.url(station_id), headers=chosen, **options)  # type: ignore[arg-type]
        )
        return RawStation(socket)

    async def shut_down(self) -> None:
        """Stop the gateway and wait until it has drained."""
        self.stop.set()
        assert self.task is not None
        async with asyncio.timeout(15):
            await self.task

    async def close(self) -> None:
        await self._stack.aclose()
        if self.task is not None and not self.task.done():
            await self.shut_down()


@asynccontextmanager
async def running(*, durable: bool = True, **settings: object) -> AsyncIterator[System]:
    bus = BreakableBus(durable=durable)
    health = Health()
    gateway = Gateway(GatewaySettings.model_validate({**QUICK, **settings}), bus, health)
    async with ScriptedServices(bus) as services:
        system = System(bus, services, gateway, health)
        ready = asyncio.Event()
        system.task = asyncio.create_task(gateway.run(system.stop, ready=ready.set))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({system.task, waiting}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set(), system.task
        try:
            yield system
        finally:
            await system.close()


Running = Callable[..., AbstractAsyncContextManager[System]]


@pytest.fixture
def running_gateway() -> Running:
    """Run a gateway with settings of the test's own, while a context is open."""
    return running


Start = Callable[..., Coroutine[Any, Any, System]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a gateway with settings of the test's own."""
    async with AsyncExitStack() as stack:

        async def start_system(*, durable: bool = True, **settings: object) -> System:
            return await stack.enter_async_context(running(durable=durable, **settings))

        yield start_system


@pytest.fixture
async def system(start: Start) -> System:
    """A gateway with settings for quick tests."""
    return await start()
