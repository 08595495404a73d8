"""The gateway as a process of its own: `csms-gateway serve`."""

import asyncio
from contextlib import AsyncExitStack

from csms_bus.api_security import ApiSecurity
from csms_bus.process import api_port, kafka_bus, management_port
from csms_runtime.command_line import service_cli
from csms_runtime.health import Health
from csms_runtime.tracing.export import traces

from csms_gateway.app import Gateway
from csms_gateway.settings import GatewaySettings


async def _serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    health = Health()
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(traces("csms-gateway"))
        await parts.enter_async_context(management_port(settings, "gateway", health))
        # The bus gives up first: it knows what to clean up.
        publish_timeout_s = settings.publish_timeout_s * 0.9
        bus = await parts.enter_async_context(
            kafka_bus(settings, "gateway", health, stop, publish_timeout_s=publish_timeout_s)
        )
        gateway = Gateway(settings, bus, health)
        security = await parts.enter_async_context(ApiSecurity(bus, settings, health, "gateway"))
        await parts.enter_async_context(api_port(settings, "CSMS gateway", gateway.routers, security, health))
        await gateway.run(stop)


cli = service_cli(__doc__, GatewaySettings, _serve)


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
