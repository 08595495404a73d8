"""csms events, csms messages: what happens, and what was sent and received."""

import json
from typing import Annotated, Any

import typer

from csms_cli.api import path
from csms_cli.context import group, of
from csms_cli.options import All, Most, Station, moment, most
from csms_cli.output import columns

events = group("Events: what happens, as it happens.")
_SHOWN = columns("at", "direction", "action", "outcome", "latency_ms", "message_id", "request.bytes", "notice.kind")
messages = group("Messages: the OCPP frames of a station.")


@events.command()
def follow(
    context: typer.Context,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only these; several.")] = None,
    station: Annotated[list[str] | None, typer.Option("--station", "-s", help="Only of these; several.")] = None,
    site: Annotated[list[str] | None, typer.Option("--site", help="Only of stations of these; several.")] = None,
    after: Annotated[str | None, typer.Option(help="The id of an event: begin behind it.")] = None,
) -> None:
    """Write events as they come, until it is interrupted. Where the connection breaks, it goes on behind the last."""
    here = of(context)
    asked = {"type": kind, "station_id": station, "site_id": site}
    for key, event in here.api.follow("/events/stream", after, **asked):
        if here.output.as_json:
            here.output.json(event)
        else:
            here.output.line(key, *_told(event))


def _told(event: Any) -> tuple[str, ...]:  # noqa: ANN401 CloudEvents' JSON
    if not isinstance(event, dict) or "type" not in event:  # a gap: what came meanwhile is not kept any more
        return (json.dumps(event),)
    return tuple(str(event.get(name, "-")) for name in ("time", "type", "subject", "data"))


@messages.command("list")
def list_messages(
    context: typer.Context,
    station: Station,
    *,
    action: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    direction: Annotated[str | None, typer.Option(help="in or out.")] = None,
    outcome: Annotated[str | None, typer.Option(help="result, error, timeout, unanswered, refused, ...")] = None,
    since: Annotated[str | None, typer.Option(help="Then or later: 2026-01-31, 30m, 12h, ...")] = None,
    until: Annotated[str | None, typer.Option(help="Before.")] = None,
    limit: Most = 50,
    everything: All = False,
) -> None:
    """List the frames of a station, the newest first."""
    here = of(context)
    asked = {
        "action": action,
        "direction": direction,
        "outcome": outcome,
        "since": moment(since),
        "until": moment(until),
    }
    found = here.api.items(f"{path('stations', station)}/messages", most(limit, everything=everything), **asked)
    here.output.list(found, _SHOWN)
