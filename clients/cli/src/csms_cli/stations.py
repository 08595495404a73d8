"""csms stations."""

import sys
from typing import Annotated, Any

import typer

from csms_cli.api import path
from csms_cli.context import group, of
from csms_cli.options import All, Most, Station, most
from csms_cli.output import columns

commands = group("Stations: who is connected, and what they are.")
_SHOWN = columns(
    "id",
    "connected",
    "protocol",
    "registration",
    "boot.vendor_name",
    "boot.model",
    "boot.firmware_version",
    "last_seen",
)


@commands.command("list")
def list_stations(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="In identity, vendor, model or serial number.")] = None,
    *,
    connected: Annotated[bool | None, typer.Option("--connected/--disconnected", help="Only those.")] = None,
    limit: Most = 50,
    everything: All = False,
) -> None:
    """List stations."""
    here = of(context)
    found = here.api.items("/stations", most(limit, everything=everything), q=text, connected=connected)
    here.output.list(found, _SHOWN)


@commands.command()
def show(context: typer.Context, station: Station) -> None:
    """Show all that is known of a station."""
    here = of(context)
    here.output.one(here.api.get(path("stations", station)))


@commands.command(name="set")
def set_station(  # noqa: PLR0917 typer passes by name
    context: typer.Context,
    station: Station,
    registration: Annotated[str | None, typer.Option(help="Accepted, Pending or Rejected.")] = None,
    security_profile: Annotated[int | None, typer.Option(min=1, max=3)] = None,
    serial_number: Annotated[
        str | None, typer.Option(help="What a certificate of profile 3 must have as its CN.")
    ] = None,
    onboarding: Annotated[str | None, typer.Option(help="none or inventory.")] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for it, or read it from standard input.")] = False,  # noqa: FBT002 a switch
) -> None:
    """Create a station, or change it; what is not given stays."""
    here = of(context)
    body: dict[str, Any] = {
        "registration": registration,
        "security_profile": security_profile,
        "serial_number": serial_number,
        "onboarding": onboarding,
        "password": _password() if password else None,
    }
    given = {name: value for name, value in body.items() if value is not None}
    here.output.one(here.api.call("PUT", path("stations", station), given))


@commands.command()
def delete(context: typer.Context, station: Station) -> None:
    """Remove a station; its connection ends."""
    here = of(context)
    here.api.call("DELETE", path("stations", station))
    here.output.say(f"{station} is removed")


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
