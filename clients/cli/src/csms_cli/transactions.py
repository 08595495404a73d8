"""csms transactions."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from csms_cli.api import Api, path
from csms_cli.context import group, of
from csms_cli.errors import CommandError
from csms_cli.options import All, Most, Station, moment, most
from csms_cli.output import columns

commands = group("Transactions: listing, export, starting and stopping.")
Key = Annotated[str, typer.Argument(help="Our id of the transaction, not the station's.", metavar="ID")]
At = Annotated[str | None, typer.Option(help="Only those of this station.")]
State = Annotated[str | None, typer.Option(help="Active or Ended.")]
Since = Annotated[str | None, typer.Option("--since", help="Started then or later: 2026-01-31, 12h, 7d, ...")]
Until = Annotated[str | None, typer.Option("--until", help="Started before.")]
EndedSince = Annotated[str | None, typer.Option(help="Ended then or later.")]
EndedUntil = Annotated[str | None, typer.Option(help="Ended before.")]
Token = Annotated[str | None, typer.Option(help="Only those of this token.")]
Text = Annotated[str | None, typer.Option("--q", "-q", help="A station, transactionId, token or id, whole.")]
_SHOWN = columns(
    "id", "station_id", "evse_id", "state", "id_token", "started_at", "ended_at", "energy_wh", "energy_quality"
)


@commands.command("list")
def list_transactions(
    context: typer.Context,
    *,
    station: At = None,
    state: State = None,
    since: Since = None,
    until: Until = None,
    ended_since: EndedSince = None,
    ended_until: EndedUntil = None,
    token: Token = None,
    text: Text = None,
    limit: Most = 50,
    everything: All = False,
) -> None:
    """List transactions, the newest first."""
    here = of(context)
    asked = _filter(station, state, since, until, ended_since, ended_until, token, text)
    here.output.list(here.api.items("/transactions", most(limit, everything=everything), **asked), _SHOWN)


@commands.command()
def export(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="Where it goes; -: standard output.", metavar="FILE")] = "-",
    *,
    kind: Annotated[str | None, typer.Option("--format", help="csv or jsonl; else as the file's name ends.")] = None,
    station: At = None,
    state: State = None,
    since: Since = None,
    until: Until = None,
    ended_since: EndedSince = None,
    ended_until: EndedUntil = None,
    token: Token = None,
    text: Text = None,
) -> None:
    """Export all transactions of a filter, as CSV or JSON lines. A file appears when it is whole."""
    here = of(context)
    asked = _filter(station, state, since, until, ended_since, ended_until, token, text)
    asked["format"] = kind or ("jsonl" if file.endswith((".jsonl", ".ndjson")) else "csv")
    if file == "-":
        here.api.download("/transactions", sys.stdout.buffer, **asked)
        sys.stdout.buffer.flush()
        return
    here.output.say(f"{_saved(here.api, Path(file), asked)} bytes in {file}")


def _saved(api: Api, file: Path, asked: dict[str, Any]) -> int:
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as target:
            size = api.download("/transactions", target, **asked)
        part.replace(file)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return size


@commands.command()
def show(context: typer.Context, key: Key) -> None:
    """Show all that is known of a transaction."""
    here = of(context)
    here.output.one(here.api.get(path("transactions", key)))


@commands.command()
def events(context: typer.Context, key: Key) -> None:
    """List what the station sent of a transaction."""
    here = of(context)
    shown = columns("seq_no", "event_type", "trigger_reason", "timestamp", "received_at", "offline")
    here.output.list(here.api.items(f"{path('transactions', key)}/events", None), shown)


@commands.command()
def start(
    context: typer.Context,
    station: Station,
    token: Annotated[str, typer.Argument(metavar="TOKEN")],
    kind: Annotated[str, typer.Option("--type")] = "Central",
    evse: Annotated[int | None, typer.Option(help="Else the station chooses.")] = None,
) -> None:
    """Ask a station to start a transaction."""
    here = of(context)
    body = {"id_token": {"idToken": token, "type": kind}, **({} if evse is None else {"evse_id": evse})}
    here.output.one(here.api.call("POST", f"{path('stations', station)}/remote-start", body))


@commands.command()
def stop(context: typer.Context, key: Key) -> None:
    """Ask the station to stop a transaction."""
    here = of(context)
    here.output.one(here.api.call("POST", f"{path('transactions', key)}/remote-stop"))


@commands.command()
def close(context: typer.Context, key: Key, reason: Annotated[str, typer.Option(help="It is shown with it.")]) -> None:
    """End a transaction whose end will not come; the station is not told."""
    here = of(context)
    here.output.one(here.api.call("POST", f"{path('transactions', key)}/close", {"reason": reason}))


def _filter(*told: str | None) -> dict[str, Any]:
    station, state, since, until, ended_since, ended_until, token, text = told
    return {
        "station_id": station,
        "state": state,
        "started_since": moment(since),
        "started_until": moment(until),
        "ended_since": moment(ended_since),
        "ended_until": moment(ended_until),
        "id_token": token,
        "q": text,
    }
