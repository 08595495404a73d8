"""The command line of a service: `serve`, and `migrate` where it has a database."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer

from csms_runtime import lifecycle, logging, named_files
from csms_runtime.settings import RuntimeSettings
from csms_runtime.starting import CannotStart, read

Settings = TypeVar("Settings", bound=RuntimeSettings)


def service_cli(
    about: str | None,
    settings: Callable[[], Settings],
    serve: Callable[[Settings, asyncio.Event], Awaitable[None]],
    migrate: Callable[[Settings], Awaitable[None]] | None = None,
) -> typer.Typer:
    """Return the command line of a service. `settings` reads them; logging is configured before anything else is done.

    `serve(settings, stop)` runs the service until `stop` is set (see csms_runtime.lifecycle.run). `migrate` brings the
    database's schema to this version; None: the service has no database.
    """
    # No pretty tracebacks: they show local variables, and so secrets.
    cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @cli.callback(help=about)
    def _commands() -> None:
        """Keep `serve` a command of its own where it is the only one."""

    @cli.command(name="serve")
    def _serve() -> None:
        """Run the service until SIGTERM or SIGINT. Settings come from CSMS_* variables."""
        read_settings = configured(settings)
        lifecycle.run(lambda stop: serve(read_settings, stop))

    if migrate is not None:
        work = migrate

        @cli.command(name="migrate")
        def _migrate() -> None:
            """Bring the database's schema to this version, and end."""
            read_settings = configured(settings)
            try:
                asyncio.run(_awaited(work(read_settings)))
            except CannotStart as error:
                sys.exit(f"It cannot be migrated: {error}")

    return cli


def configured(settings: Callable[[], Settings]) -> Settings:
    """Read the settings, and configure logging. Ends the program, with a line that says why, when they are wrong."""
    try:
        found = read(settings)
    except CannotStart as error:
        sys.exit(f"The settings are wrong: {error}")
    logging.configure(found.log_level, found.log_format)
    demand_files(found)
    return found


def demand_files(settings: RuntimeSettings) -> None:
    """End the program, with a line that says why, when a file that the settings name cannot be read."""
    fault = named_files.fault(settings)
    if fault:
        sys.exit(fault)


async def _awaited(work: Awaitable[None]) -> None:
    await work
