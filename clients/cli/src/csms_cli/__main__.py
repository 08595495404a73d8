"""The command line of the CSMS: `csms serve` runs one, all else speaks to one over its HTTP API."""

import sys
from importlib import import_module
from typing import Annotated

import typer

from csms_cli import bulk, calls, servers, stations, tokens, transactions, watching
from csms_cli.context import Context
from csms_cli.errors import CommandError
from csms_cli.output import Output

_HERE = ("serve", "backup")
"""What the process itself does, where standalone mode is installed (`csms_standalone`)."""

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
for _name, _group in {
    "stations": stations.commands,
    "tokens": tokens.commands,
    "transactions": transactions.commands,
    "calls": calls.commands,
    "bulk": bulk.commands,
    "events": watching.events,
    "messages": watching.messages,
    "profiles": servers.commands,
}.items():
    cli.add_typer(_group, name=_name)


@cli.callback()
def _options(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option("--profile", "-p", help="Which server: csms profiles list.")] = None,
    url: Annotated[
        str | None, typer.Option(help="Of the API; else CSMS_URL, the profile's, or this machine's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs, a line for each item.")] = False,  # noqa: FBT002 a switch
) -> None:
    """Options of all commands. The key comes from CSMS_API_KEY, CSMS_API_KEY_FILE or the profile."""
    context.obj = Context(profile, url, Output(as_json=as_json))


@cli.command()
def serve() -> None:
    """Run gateway, auth, transactions, device-mgmt and history in this process, until SIGTERM or SIGINT."""
    _here()


@cli.command(context_settings={"allow_extra_args": True})
def backup() -> None:
    """Copy databases, keys and certificates of the CSMS that runs here: csms backup DIRECTORY."""
    _here()


def _here() -> None:
    """Have standalone mode do what the command line says: it is a program of its own, and takes a second to load."""
    try:
        program = import_module("csms_standalone.__main__")
    except ModuleNotFoundError as error:
        raise CommandError("standalone mode is not installed here") from error
    program.main()


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if "--json" in arguments:  # people write it behind the command, too
        arguments = ["--json", *(one for one in arguments if one != "--json")]
    try:
        if arguments and arguments[0] in _HERE:
            _here()
        else:
            cli(args=arguments)
    except CommandError as error:
        sys.exit(f"csms: {error}")
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)


if __name__ == "__main__":
    main()
