"""Puts all services together in one process: the only place where they meet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

from csms_auth import app as auth
from csms_bus.api_security import ApiSecurity
from csms_bus.memory import MemoryBus
from csms_bus.ports import Bus, BusUnavailable, RecordTooLarge
from csms_bus.sealed import SealedBus
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_db.opening import in_use, migrated
from csms_device_mgmt import app as device_mgmt
from csms_gateway.app import Gateway
from csms_history import app as history
from csms_runtime import lifecycle
from csms_runtime.exposition import tell_build
from csms_runtime.health import Health
from csms_runtime.http import create_app, listening
from csms_runtime.sealing import Sealer
from csms_runtime.tracing.export import traces
from csms_runtime.waiting import done_before, wait_for
from csms_transactions import app as transactions
from fastapi import FastAPI

from csms_standalone import certificates
from csms_standalone.settings import StandaloneSettings


class _ServiceModule(Protocol):
    """What a service's app module says of its database."""

    SCHEMA: str
    MIGRATIONS: str


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports that are listened on."""

    ocpp: int | None
    """None: stations connect with TLS only."""
    ocpp_tls: int | None
    """None: without TLS only."""
    http: int


async def serve(settings: StandaloneSettings, stop: asyncio.Event, on_ready: Callable[[Ports], None]) -> None:
    """Run everything until `stop` is set; `on_ready` is called when stations may connect.

    Raises CannotStart when a port cannot be listened on, the database cannot be used, or the data do not fit this
    version; SQLAlchemy's errors when a migration fails.
    """
    health = Health()
    tell_build("standalone")
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(traces("csms"))
        modules: tuple[_ServiceModule, ...] = (auth, transactions, device_mgmt, history)
        databases = [await parts.enter_async_context(_database(settings, module, health)) for module in modules]
        memory = MemoryBus(max_message_bytes=settings.max_message_bytes)
        bus = SealedBus(memory, Sealer(settings.secret_keys()))
        await bus.start()
        parts.push_async_callback(bus.stop)
        system = System(settings, bus, databases, health)
        # The services outlive the gateway and the API: those that wait for an answer get it.
        ended = asyncio.Event()
        services = await parts.enter_async_context(lifecycle.Supervisor(ended, timeout_s=settings.shutdown_timeout_s))
        system.start(services, ended)
        if not await done_before(system.ready(), stop, ended):
            return
        edge = await parts.enter_async_context(lifecycle.Supervisor(stop, timeout_s=settings.shutdown_timeout_s))
        await parts.enter_async_context(system.security)
        await system.security.ready()
        api = listening(system.api(), settings.http_host, settings.http_port, trusted_proxies=settings.trusted_proxies)
        http_port = await parts.enter_async_context(api)
        gateway = system.gateway

        def ready() -> None:
            on_ready(Ports(gateway.port if settings.ocpp_plain else None, gateway.tls_port, http_port))

        edge.start("gateway", gateway.run(stop, ready=ready))
        if certificates.made_here(settings) is not None:
            edge.start("certificates", certificates.keep_valid(settings, stop))
        await wait_for(stop, ended)
        health.drain()


@asynccontextmanager
async def _database(settings: StandaloneSettings, part: _ServiceModule, health: Health) -> AsyncIterator[Database]:
    url = settings.database(part.SCHEMA)
    await migrated(url, part.SCHEMA, part.MIGRATIONS)
    async with in_use(Database(url, part.SCHEMA, pool_size=settings.database_pool_size), health) as database:
        yield database


class System:
    """The services on one bus."""

    def __init__(self, settings: StandaloneSettings, bus: Bus, databases: list[Database], health: Health) -> None:
        auth_db, transactions_db, devices_db, history_db = databases
        secrets = settings.secret_keys()
        self._settings, self._health = settings, health
        self.security = ApiSecurity(bus, settings, health, "standalone")
        keys = self.security.keys
        self._auth = auth.Auth(bus, auth_db, settings, health, keys=secrets, api_keys=keys)
        self._transactions = transactions.Transactions(bus, transactions_db, settings, health, keys=secrets)
        self._devices = device_mgmt.DeviceManagement(bus, devices_db, settings, health, keys=secrets)
        self._history = history.History(bus, history_db, settings, health, keys=secrets)
        self.gateway = Gateway(settings, bus, health)

    def start(self, tasks: lifecycle.Supervisor, stop: asyncio.Event) -> None:
        """Have the services but the gateway run until `stop` is set."""
        tasks.start("auth", self._auth.run(stop))
        tasks.start("transactions", self._transactions.run(stop))
        tasks.start("device-mgmt", self._devices.run(stop))
        tasks.start("history", self._history.run(stop))

    async def ready(self) -> None:
        """Wait until all of them can answer, and keep what happens."""
        await self._transactions.ready()
        await self._devices.ready()
        await self._auth.ready()
        await self._history.ready()

    def api(self) -> FastAPI:
        """Return the API of all of them."""
        services = (self._devices, self._transactions, self._auth, self._history, self.gateway)
        return create_app(
            "CSMS",
            routers=[router for service in services for router in service.routers],
            keys=self.security.keys,
            tokens=self.security.tokens,
            audit=self.security.audit.for_app,
            health=self._health,
            version=version("csms"),
            management=True,
            unavailable=[DatabaseUnavailable, BusUnavailable],
            too_large=[RecordTooLarge],
            beside=self._devices.beside,
        )
