"""The history service as a process of its own, on Kafka and PostgreSQL."""

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

from csms_history.app import MIGRATIONS, SCHEMA, History
from csms_history.settings import HistorySettings


async def _serve(settings: HistorySettings, stop: asyncio.Event) -> None:
    health = Health()
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(traces("csms-history"))
        await parts.enter_async_context(management_port(settings, "history", health))
        database = await parts.enter_async_context(opened(settings, SCHEMA, MIGRATIONS, health, stop))
        bus = await parts.enter_async_context(kafka_bus(settings, "history", health, stop))
        history = History(bus, database, settings, health, keys=settings.secret_keys())
        tasks = await parts.enter_async_context(lifecycle.Supervisor(stop, timeout_s=settings.shutdown_timeout_s))
        tasks.start("history", history.run(stop))
        security = await parts.enter_async_context(ApiSecurity(bus, settings, health, "history"))
        routers = history.routers
        api = api_port(settings, "CSMS history", routers, security, health, unavailable=[DatabaseUnavailable])
        await parts.enter_async_context(api)
        await stop.wait()
        health.drain()


cli = service_cli(__doc__, HistorySettings, _serve, lambda settings: migrate(settings, SCHEMA, MIGRATIONS))


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
