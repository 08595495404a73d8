"""csms tokens."""

from typing import Annotated

import typer

from csms_cli.api import path
from csms_cli.context import group, of
from csms_cli.options import All, Most, moment, most
from csms_cli.output import columns

commands = group("ID tokens: who may charge.")
Kind = Annotated[str, typer.Argument(help="ISO14443, eMAID, Central, ...", metavar="TYPE")]
Token = Annotated[str, typer.Argument(metavar="TOKEN")]


@commands.command("list")
def list_tokens(
    context: typer.Context,
    *,
    status: Annotated[str | None, typer.Option(help="Accepted, Blocked, ...")] = None,
    kind: Annotated[str | None, typer.Option("--type")] = None,
    group_id: Annotated[str | None, typer.Option("--group")] = None,
    limit: Most = 50,
    everything: All = False,
) -> None:
    """List tokens."""
    here = of(context)
    asked = {"status": status, "type": kind, "group_id": group_id}
    found = here.api.items("/id-tokens", most(limit, everything=everything), **asked)
    here.output.list(found, columns("type", "id_token", "status", "group_id", "expires_at", "concurrent_tx_limit"))


@commands.command()
def show(context: typer.Context, kind: Kind, token: Token) -> None:
    """Show a token."""
    here = of(context)
    here.output.one(here.api.get(path("id-tokens", kind, token)))


@commands.command(name="set")
def set_token(  # noqa: PLR0917 typer passes by name
    context: typer.Context,
    kind: Kind,
    token: Token,
    status: Annotated[str | None, typer.Option(help="Accepted, Blocked, ...; a new token needs one.")] = None,
    group_id: Annotated[str | None, typer.Option("--group")] = None,
    expires: Annotated[str | None, typer.Option(help="From then on it is Expired.")] = None,
    concurrent: Annotated[int | None, typer.Option(help="Transactions at a time.")] = None,
) -> None:
    """Create a token, or change it; what is not given stays."""
    here = of(context)
    body = {"status": status, "group_id": group_id, "expires_at": moment(expires), "concurrent_tx_limit": concurrent}
    given = {name: value for name, value in body.items() if value is not None}
    here.output.one(here.api.call("PUT", path("id-tokens", kind, token), given))


@commands.command()
def delete(context: typer.Context, kind: Kind, token: Token) -> None:
    """Delete a token."""
    here = of(context)
    here.api.call("DELETE", path("id-tokens", kind, token))
    here.output.say("the token is deleted")
