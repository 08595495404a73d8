"""Runs one kind of attack; writes "ready" when it begins, and a report (JSON) at its end."""

import asyncio
import json
import os
from typing import Annotated

import typer

from csms_testing.hostile import kinds
from csms_testing.hostile.attack import Attack
from csms_testing.hostile.wire import Door

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(
    kind: Annotated[str, typer.Argument(help="A kind of csms_testing.hostile.kinds, such as pongs.")],
    *,
    url: Annotated[str, typer.Option(help="Where stations connect, without the identity; on this machine.")],
    station: Annotated[list[str] | None, typer.Option(help="Identity of a hostile station; may be repeated.")] = None,
    password: Annotated[str | None, typer.Option(envvar="CSMS_HOSTILE_PASSWORD", help="Their password.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long the attack lasts.")] = 10.0,
    connections: Annotated[int, typer.Option(min=1, max=10_000, help="Of the kinds at the door.")] = 2000,
) -> None:
    """Attack a CSMS of your own on this machine."""
    door = Door.of(url)
    if door.host not in _LOOPBACK:
        raise typer.BadParameter("only a CSMS on this machine is attacked")
    try:
        tactic = kinds.chosen(kind, connections).tactic()
    except KeyError as error:
        raise typer.BadParameter(f"there is no kind {error}") from error
    attack = Attack(door, station or ["HOSTILE"], password, seconds)
    os.nice(5)  # an attacker has a machine of its own; here the attacked one comes first
    asyncio.run(attack.run(tactic, lambda: print("ready", flush=True)))  # noqa: T201  # for who started it
    print(json.dumps(attack.report.shown()))  # noqa: T201  # as above


if __name__ == "__main__":
    typer.run(main)
