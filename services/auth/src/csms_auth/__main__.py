"""The auth service as a process of its own, on Kafka and PostgreSQL."""

import asyncio
import sys
from contextlib import AsyncExitStack

import typer
from csms_bus.api_security import ApiSecurity
from csms_bus.process import api_port, kafka_bus, management_port
from csms_db.errors import DatabaseUnavailable
from csms_db.opening import migrate, opened
from csms_runtime import lifecycle
from csms_runtime.command_line import configured, service_cli
from csms_runtime.health import Health
from csms_runtime.secret_keys import SecretKeys, key_id
from csms_runtime.starting import CannotStart
from csms_runtime.tracing.export import traces

from csms_auth.app import MIGRATIONS, SCHEMA, Auth
from csms_auth.other_keys import Remaining, remaining
from csms_auth.settings import AuthSettings


async def _serve(settings: AuthSettings, stop: asyncio.Event) -> None:
    health = Health()
    async with AsyncExitStack() as parts:
        await parts.enter_async_context(traces("csms-auth"))
        await parts.enter_async_context(management_port(settings, "auth", health))
        database = await parts.enter_async_context(opened(settings, SCHEMA, MIGRATIONS, health, stop))
        bus = await parts.enter_async_context(kafka_bus(settings, "auth", health, stop))
        security = ApiSecurity(bus, settings, health, "auth")
        auth = Auth(bus, database, settings, health, keys=settings.secret_keys(), api_keys=security.keys)
        tasks = await parts.enter_async_context(lifecycle.Supervisor(stop, timeout_s=settings.shutdown_timeout_s))
        tasks.start("auth", auth.run(stop))
        await parts.enter_async_context(security)
        api = api_port(settings, "CSMS auth", auth.routers, security, health, unavailable=[DatabaseUnavailable])
        await parts.enter_async_context(api)
        await stop.wait()
        health.drain()


cli = service_cli(__doc__, AuthSettings, _serve, lambda settings: migrate(settings, SCHEMA, MIGRATIONS))


@cli.command(name="secret-key")
def _secret_key() -> None:
    """Tell what in auth's database still hangs on another key than CSMS_SECRET_KEY. Status 1: something does."""
    settings = configured(AuthSettings)
    try:
        keys = settings.secret_keys()
        found = asyncio.run(_remaining(settings, keys))
    except (CannotStart, DatabaseUnavailable) as error:
        sys.exit(f"It cannot be told: {error}")
    others = ", ".join(map(key_id, keys.others)) or "none"
    typer.echo(f"CSMS_SECRET_KEY  {keys.current_id}\nothers           {others}")
    typer.echo(f"on another key   {found.passwords} passwords, {found.key_codes} key codes")
    for station_id in found.stations:
        typer.echo(f"  {station_id}")
    if found.passwords or found.key_codes:
        raise typer.Exit(1)


async def _remaining(settings: AuthSettings, keys: SecretKeys) -> Remaining:
    async with opened(settings, SCHEMA, MIGRATIONS, Health()) as database:
        return await remaining(database, keys.current_id)


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
