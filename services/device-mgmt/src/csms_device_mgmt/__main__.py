"""The device management service as a process of its own, on Kafka and PostgreSQL."""

import asyncio
from contextlib import AsyncExitStack
from importlib.metadata import version

import typer
from csms_bus.api_security import ApiSecurity
from csms_bus.kafka import KafkaBus
from csms_bus.ports import BusUnavailable
from csms_bus.sealed import SealedBus
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_db.migrations import upgrade, verify
from csms_runtime import lifecycle, logging
from csms_runtime.health import Health
from csms_runtime.http import create_app, create_management_app, listening
from csms_runtime.sealing import Sealer
from csms_runtime.waiting import done_before, wait_for

from csms_device_mgmt.app import MIGRATIONS, SCHEMA, DeviceManagement
from csms_device_mgmt.settings import DeviceSettings

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@cli.command()
def serve() -> None:
    """Run the service until SIGTERM or SIGINT. Settings come from CSMS_* variables."""
    settings = _configured()
    lifecycle.run(lambda stop: _serve(settings, stop))


@cli.command()
def migrate() -> None:
    """Bring the database's schema to this version, and end."""
    settings = _configured()
    asyncio.run(upgrade(settings.require_database_url(), SCHEMA, MIGRATIONS))


def main() -> None:
    """Run the command line."""
    cli()


def _configured() -> DeviceSettings:
    settings = DeviceSettings()
    logging.configure(settings.log_level, settings.log_format)
    return settings


async def _serve(settings: DeviceSettings, stop: asyncio.Event) -> None:
    health = Health()
    await verify(settings.require_database_url(), SCHEMA, MIGRATIONS)
    async with AsyncExitStack() as parts:
        database = Database(settings.require_database_url(), SCHEMA, pool_size=settings.database_pool_size)
        parts.push_async_callback(database.close)
        bus = SealedBus(KafkaBus.configured(settings, "device-mgmt", health), Sealer(settings.require_secret_key()))
        parts.push_async_callback(bus.stop)
        await bus.start()
        service = DeviceManagement(bus, database, settings, health, secret_key=settings.require_secret_key())
        # Requests that wait for a station need the consumers until the last of them is answered.
        ended = asyncio.Event()
        tasks = await parts.enter_async_context(lifecycle.Supervisor(ended, timeout_s=settings.shutdown_timeout_s))
        tasks.start("device-mgmt", service.run(ended))
        await _listen_management(parts, settings, health)
        await done_before(service.ready(), stop, ended)
        if not stop.is_set():
            security = await parts.enter_async_context(ApiSecurity(bus, settings, health, "device-mgmt"))
            await _listen(parts, settings, service, health, security)
            await wait_for(stop, ended)
        health.drain()


async def _listen_management(parts: AsyncExitStack, settings: DeviceSettings, health: Health) -> None:
    management = create_management_app(health)
    await parts.enter_async_context(listening(management, settings.management_host, settings.management_port))


async def _listen(
    parts: AsyncExitStack,
    settings: DeviceSettings,
    service: DeviceManagement,
    health: Health,
    security: ApiSecurity,
) -> None:
    api = create_app(
        "CSMS device management",
        routers=service.routers,
        keys=security.keys,
        tokens=security.tokens,
        audit=security.audit.for_app,
        health=health,
        version=version("csms"),
        unavailable=[DatabaseUnavailable, BusUnavailable],
    )
    api_port = listening(api, settings.http_host, settings.http_port, trusted_proxies=settings.trusted_proxies)
    await parts.enter_async_context(api_port)


if __name__ == "__main__":
    main()
