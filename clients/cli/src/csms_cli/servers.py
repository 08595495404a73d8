"""csms profiles: which servers there are."""

import sys
from typing import Annotated

import typer

from csms_cli.context import group, of
from csms_cli.errors import CommandError
from csms_cli.output import columns
from csms_cli.profiles import Profile

commands = group("Profiles: servers and keys, in a file that only you can read.")
Name = Annotated[str, typer.Argument(metavar="NAME")]


@commands.command("list")
def list_profiles(context: typer.Context) -> None:
    """List the profiles; keys are not shown."""
    here = of(context)
    current = here.profiles.current
    rows = [
        {"name": name, "url": one.url, "key": one.api_key_file or "stored", "current": name == current}
        for name, one in here.profiles.all().items()
    ]
    here.output.list(rows, columns("name", "url", "key", "current"))


@commands.command(name="set")
def set_profile(
    context: typer.Context,
    name: Name,
    url: Annotated[str, typer.Option(help="Of the API, without /api/v1.")],
    key_file: Annotated[str | None, typer.Option(help="A file with the key; else the key is asked for.")] = None,
) -> None:
    """Add a profile, or change it. The key is asked for, or read from standard input, never an argument."""
    here = of(context)
    if not url.startswith(("http://", "https://")):
        raise CommandError("the URL begins with https:// or http://")
    here.profiles.put(name, Profile(url.rstrip("/"), None if key_file else _key(), key_file))
    here.output.say(f"{name} is in {here.profiles.path}")


@commands.command()
def use(context: typer.Context, name: Name) -> None:
    """Make a profile the one that is used where none is named."""
    of(context).profiles.use(name)


@commands.command()
def remove(context: typer.Context, name: Name) -> None:
    """Forget a profile."""
    of(context).profiles.remove(name)


def _key() -> str:
    key = typer.prompt("API key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not str(key).strip():
        raise CommandError("there is no key")
    return str(key).strip()
