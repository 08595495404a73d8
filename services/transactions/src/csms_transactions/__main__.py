"""The transactions service as a process of its own, on Kafka and PostgreSQL."""

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

from csms_transactions.app import MIGRATIONS, SCHEMA, Transactions
from csms_transactions.settings import TransactionSettings

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


def _configured() -> TransactionSettings:
    settings = TransactionSettings()
    logging.configure(settings.log_level, settings.log_format)
    return settings


async def _serve(settings: TransactionSettings, stop: asyncio.Event) -> None:
    health = Health()
    async with AsyncExitStack() as parts:
        await verify(settings.require_database_url(), SCHEMA, MIGRATIONS)
        database = Database(settings.require_database_url(), SCHEMA, pool_size=settings.database_pool_size)
        parts.push_async_callback(database.close)
        bus = SealedBus(KafkaBus.configured(settings, "transactions", health), Sealer(settings.require_secret_key()))
        parts.push_async_callback(bus.stop)
        await bus.start()
        transactions = Transactions(bus, database, settings, health)
        tasks = await parts.enter_async_context(lifecycle.Supervisor(stop, timeout_s=settings.shutdown_timeout_s))
        tasks.start("transactions", transactions.run(stop))
        security = await parts.enter_async_context(ApiSecurity(bus, settings, health, "transactions"))
        await _listen(parts, settings, transactions, health, security)
        await stop.wait()
        health.drain()


async def _listen(
    parts: AsyncExitStack,
    settings: TransactionSettings,
    transactions: Transactions,
    health: Health,
    security: ApiSecurity,
) -> None:
    api = create_app(
        "CSMS transactions",
        routers=transactions.routers,
        keys=security.keys,
        tokens=security.tokens,
        audit=security.audit.for_app,
        health=health,
        version=version("csms"),
        unavailable=[DatabaseUnavailable, BusUnavailable],
    )
    management = create_management_app(health)
    await parts.enter_async_context(listening(management, settings.management_host, settings.management_port))
    api_port = listening(api, settings.http_host, settings.http_port, trusted_proxies=settings.trusted_proxies)
    await parts.enter_async_context(api_port)


if __name__ == "__main__":
    main()
