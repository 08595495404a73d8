"""The auth service as a process of its own, on Kafka and PostgreSQL."""

import asyncio
from contextlib import AsyncExitStack

from csms_bus.api_security import ApiSecurity
from csms_bus.process import api_port, kafka_bus, management_port
from csms_db.errors import DatabaseUnavailable
from csms_db.opening import migrate, opened
from csms_runtime import lifecycle
from csms_runtime.command_line import service_cli
from csms_runtime.health import Health

from csms_auth.app import MIGRATIONS, SCHEMA, Auth
from csms_auth.settings import AuthSettings


async def _serve(settings: AuthSettings, stop: asyncio.Event) -> None:
    health = Health()
    async with AsyncExitStack() as parts:
        database = await parts.enter_async_context(opened(settings, SCHEMA, MIGRATIONS))
        bus = await parts.enter_async_context(kafka_bus(settings, "auth", health))
        security = ApiSecurity(bus, settings, health, "auth")
        secret_key = settings.require_secret_key()
        auth = Auth(bus, database, settings, health, secret_key=secret_key, api_keys=security.keys)
        tasks = await parts.enter_async_context(lifecycle.Supervisor(stop, timeout_s=settings.shutdown_timeout_s))
        tasks.start("auth", auth.run(stop))
        await parts.enter_async_context(security)
        await parts.enter_async_context(management_port(settings, health))
        api = api_port(settings, "CSMS auth", auth.routers, security, health, unavailable=[DatabaseUnavailable])
        await parts.enter_async_context(api)
        await stop.wait()
        health.drain()


cli = service_cli(__doc__, AuthSettings, _serve, lambda settings: migrate(settings, SCHEMA, MIGRATIONS))


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
