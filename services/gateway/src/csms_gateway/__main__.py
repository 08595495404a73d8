"""The gateway as a process of its own: `csms-gateway serve`."""

import asyncio
from contextlib import AsyncExitStack
from importlib.metadata import version

import typer
from csms_bus.api_security import ApiSecurity
from csms_bus.kafka import KafkaBus
from csms_bus.sealed import SealedBus
from csms_runtime import lifecycle, logging
from csms_runtime.health import Health
from csms_runtime.http import create_app, create_management_app, listening
from csms_runtime.sealing import Sealer

from csms_gateway.app import Gateway
from csms_gateway.settings import GatewaySettings

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@cli.callback()
def _commands() -> None:
    """Keep `serve` a command of its own, as in the other services."""


@cli.command()
def serve() -> None:
    """Serve stations until SIGTERM or SIGINT, with Apache Kafka as the bus. Settings: environment variables CSMS_*."""
    settings = GatewaySettings()
    logging.configure(settings.log_level, settings.log_format)
    lifecycle.run(lambda stop: _serve(settings, stop))


async def _serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    health = Health()
    kafka = KafkaBus.configured(
        settings,
        "gateway",
        health,
        # The bus gives up first: it knows what to clean up.
        publish_timeout_s=settings.publish_timeout_s * 0.9,
    )
    bus = SealedBus(kafka, Sealer(settings.require_secret_key()))
    gateway = Gateway(settings, bus, health)
    security = ApiSecurity(bus, settings, health, "gateway")
    api = create_app(
        "CSMS gateway",
        routers=gateway.routers,
        keys=security.keys,
        tokens=security.tokens,
        audit=security.audit.for_app,
        health=health,
        version=version("csms"),
    )
    async with AsyncExitStack() as stack:
        management = create_management_app(health)
        await stack.enter_async_context(listening(management, settings.management_host, settings.management_port))
        await bus.start()
        stack.push_async_callback(bus.stop)
        await stack.enter_async_context(security)
        api_port = listening(api, settings.http_host, settings.http_port, trusted_proxies=settings.trusted_proxies)
        await stack.enter_async_context(api_port)
        await gateway.run(stop)


def main() -> None:
    """Entry point of `csms-gateway`."""
    cli()


if __name__ == "__main__":
    main()
