"""csms bulk: one message for many stations."""

from typing import Annotated, Any

import typer

from csms_cli.api import path
from csms_cli.context import group, of
from csms_cli.errors import CommandError
from csms_cli.options import All, Most, Payload, most, payload
from csms_cli.output import columns

commands = group("Bulk: one OCPP message for many stations, as a job.")
Job = Annotated[str, typer.Argument(metavar="JOB")]
_SHOWN = columns("id", "action", "state", "done", "total", "counts", "created_at")


@commands.command()
def start(  # noqa: PLR0917 typer passes by name
    context: typer.Context,
    action: Annotated[str, typer.Argument(help="As OCPP spells it: Reset, ...", metavar="ACTION")],
    text: Payload = "{}",
    station: Annotated[list[str] | None, typer.Option("--station", "-s", help="One of the stations; several.")] = None,
    site: Annotated[str | None, typer.Option(help="Those of this site.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="KEY=VALUE: those that have it; several.")] = None,
    rate: Annotated[float | None, typer.Option(help="Stations in a second at most.")] = None,
) -> None:
    """Send a message to many stations."""
    here = of(context)
    select: dict[str, Any] = {"ids": station or None, "site_id": site, "labels": dict(map(_label, label or [])) or None}
    select = {name: value for name, value in select.items() if value is not None}
    if not select:
        raise CommandError("name the stations: --station, --site or --label")
    body = {"action": action, "payload": payload(text), "select": select}
    here.output.one(here.api.call("POST", "/bulk", body if rate is None else {**body, "rate_per_s": rate}))


@commands.command("list")
def list_jobs(context: typer.Context, limit: Most = 20) -> None:
    """List the jobs, the newest first."""
    here = of(context)
    here.output.list(here.api.items("/bulk", limit), _SHOWN)


@commands.command()
def show(context: typer.Context, job: Job) -> None:
    """Show a job and how far it is."""
    here = of(context)
    here.output.one(here.api.get(path("bulk", job)))


@commands.command()
def results(
    context: typer.Context,
    job: Job,
    *,
    outcome: Annotated[str | None, typer.Option(help="result, error, timeout, refused, ...")] = None,
    limit: Most = 50,
    everything: All = False,
) -> None:
    """List what became of it at each station."""
    here = of(context)
    found = here.api.items(f"{path('bulk', job)}/results", most(limit, everything=everything), outcome=outcome)
    here.output.list(found, columns("station_id", "state", "outcome", "response", "error", "completed_at"))


@commands.command()
def pause(context: typer.Context, job: Job) -> None:
    """Send nothing more until it is resumed."""
    _change(context, job, "pause")


@commands.command()
def resume(context: typer.Context, job: Job) -> None:
    """Go on with a job that was paused."""
    _change(context, job, "resume")


@commands.command()
def cancel(context: typer.Context, job: Job) -> None:
    """Send nothing more, for good."""
    _change(context, job, "cancel")


def _change(context: typer.Context, job: str, verb: str) -> None:
    here = of(context)
    here.output.one(here.api.call("POST", f"{path('bulk', job)}/{verb}"))


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"{text} is no KEY=VALUE")
    return key, value
