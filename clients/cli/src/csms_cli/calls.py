"""csms calls: any message of OCPP to a station."""

from typing import Annotated

import typer

from csms_cli.api import path
from csms_cli.context import group, of
from csms_cli.options import Most, Payload, Station, payload
from csms_cli.output import columns

commands = group("Calls: any OCPP message to a station, and what became of it.")
Action = Annotated[str, typer.Argument(help="As OCPP spells it: Reset, TriggerMessage, ...", metavar="ACTION")]


@commands.command()
def send(  # noqa: PLR0917 typer passes by name
    context: typer.Context,
    station: Station,
    action: Action,
    text: Payload = "{}",
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait for the station's answer.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="For the answer.")] = True,  # noqa: FBT002 a switch
) -> None:
    """Send a call to a station and show its answer."""
    here = of(context)
    place = f"{path('stations', station)}/calls{path(action)}"
    headers = {} if wait else {"Prefer": "respond-async"}
    here.output.one(here.api.call("POST", place, payload(text), {"timeout_s": timeout}, headers))


@commands.command("list")
def list_calls(context: typer.Context, station: Station, limit: Most = 50) -> None:
    """List the calls to a station, the newest first."""
    here = of(context)
    shown = columns("call_id", "action", "state", "outcome", "requested_by", "created_at", "completed_at")
    here.output.list(here.api.items(f"{path('stations', station)}/calls", limit), shown)


@commands.command()
def show(context: typer.Context, call_id: Annotated[str, typer.Argument(metavar="CALL_ID")]) -> None:
    """Show a call."""
    here = of(context)
    here.output.one(here.api.get(path("calls", call_id)))


@commands.command()
def schema(
    context: typer.Context,
    action: Action,
    protocol: Annotated[str, typer.Option(help="ocpp1.6, ocpp2.0.1 or ocpp2.1.")] = "ocpp2.0.1",
    response: Annotated[bool, typer.Option("--response", help="That of the answer.")] = False,  # noqa: FBT002 a switch
) -> None:
    """Show the JSON schema of a message."""
    here = of(context)
    here.output.json(here.api.get(path("schemas", protocol, action), response=response))
