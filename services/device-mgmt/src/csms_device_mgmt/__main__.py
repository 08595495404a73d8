"""The device management service as a process of its own, on Kafka and PostgreSQL."""

import asyncio
from contextlib import AsyncExitStack

from csms_bus.api_security import ApiSecurity
from csms_bus.process import api_port, kafka_bus, management_port
from csms_db.errors import DatabaseUnavailable
from csms_db.opening import migrate, opened
from csms_runtime import lifecycle
from csms_runtime.command_line import service_cli
from csms_runtime.health import Health
from csms_runtime.tracing.export import traces
from csms_runtime.waiting import done_before, wait_for

from csms_device_mgmt.app import MIGRATIONS, SCHEMA, DeviceManagement
from csms_device_mgmt.settings import DeviceSettings


async def _serve(settings: DeviceSettings, stop: asyncio.Event) -> None:
    health = Health()
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(traces("csms-device-mgmt"))
        await parts.enter_async_context(management_port(settings, "device-mgmt", health))
        database = await parts.enter_async_context(opened(settings, SCHEMA, MIGRATIONS, health, stop))
        bus = await parts.enter_async_context(kafka_bus(settings, "device-mgmt", health, stop))
        service = DeviceManagement(bus, database, settings, health, keys=settings.secret_keys())
        # Requests that wait for a station need the consumers until the last of them is answered.
        ended = asyncio.Event()
        tasks = await parts.enter_async_context(lifecycle.Supervisor(ended, timeout_s=settings.shutdown_timeout_s))
        tasks.start("device-mgmt", service.run(ended))
        if await done_before(service.ready(), stop, ended):
            security = await parts.enter_async_context(ApiSecurity(bus, settings, health, "device-mgmt"))
            title, routers = "CSMS device management", service.routers
            api = api_port(
                settings, title, routers, security, health, unavailable=[DatabaseUnavailable], beside=service.beside
            )
            await parts.enter_async_context(api)
            await wait_for(stop, ended)
        health.drain()


cli = service_cli(__doc__, DeviceSettings, _serve, lambda settings: migrate(settings, SCHEMA, MIGRATIONS))


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
