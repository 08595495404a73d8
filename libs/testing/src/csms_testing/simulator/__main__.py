"""`csms-simulator`: simulated charging stations on the command line."""

import asyncio
import resource
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from csms_testing.simulator.protocol import DEFAULT, Protocol
from csms_testing.simulator.run import Options, run

app = typer.Typer(help="Simulated charging stations that speak OCPP 2.0.1, 2.1 or 1.6J.", no_args_is_help=True)

_FILES_BESIDES_SOCKETS = 200


@app.callback()
def _several_commands() -> None:
    """Keep `run` a command of its own."""


@app.command(name="run")
def run_stations(
    *,
    url: Annotated[
        list[str], typer.Option(help="Where stations connect, without identity; several are used in turn.")
    ] = ["ws://127.0.0.1:9000/ocpp"],  # noqa: B006  # typer copies it
    protocol: Annotated[
        list[Protocol], typer.Option(help="The OCPP version that stations speak; several are used in turn.")
    ] = [DEFAULT],  # noqa: B006  # as above
    stations: Annotated[int, typer.Option(min=1, help="How many stations.")] = 20,
    sessions: Annotated[int, typer.Option(min=0, help="Charging sessions per station.")] = 1,
    id_token: Annotated[
        str, typer.Option(help="Token (ISO14443) presented at all sessions; OCPP 1.6: at most 20 characters.")
    ] = "SIM-TOKEN",  # noqa: S107  # a card, no secret
    prefix: Annotated[str, typer.Option(help="Identities are prefix + five digits.")] = "SIM-",
    first: Annotated[int, typer.Option(help="Number of the first station.")] = 1,
    password: Annotated[str | None, typer.Option(help="Basic auth password of all stations.")] = None,
    ca_file: Annotated[
        Path | None, typer.Option(exists=True, help="PEM file of the root that signed the CSMS's certificate, for wss.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(exists=True, help="PEM file of a client certificate and its chain (profile 3).")
    ] = None,
    key: Annotated[Path | None, typer.Option(exists=True, help="PEM file of the client certificate's key.")] = None,
    duration: Annotated[float, typer.Option(help="Simulated seconds of charging per session.")] = 1800,
    meter_interval: Annotated[
        float, typer.Option(help="Simulated seconds between meter values; 0: as fast as the CSMS answers.")
    ] = 60,
    speed: Annotated[float, typer.Option(help="How much faster than real time cars charge.")] = 60,
    concurrency: Annotated[int, typer.Option(min=1, help="Sessions at the same time.")] = 1000,
    connect_concurrency: Annotated[int, typer.Option(min=1, help="Handshakes at the same time.")] = 50,
    hold: Annotated[float, typer.Option(help="Real seconds to stay connected after the sessions.")] = 0,
    compression: Annotated[bool, typer.Option(help="Offer permessage-deflate.")] = True,
    register: Annotated[bool, typer.Option(help="Create the stations (and the token) over HTTP first.")] = False,
    http_url: Annotated[str, typer.Option(help="The HTTP API, for --register.")] = "http://127.0.0.1:8080",
    api_key: Annotated[str, typer.Option(envvar="CSMS_ADMIN_API_KEY", help="For --register.")] = "",
    ledger: Annotated[
        Path | None, typer.Option(help="Write every message about transactions and its fate to this file.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Print every message.")] = False,
) -> None:
    """Connect stations, let each run charging sessions, disconnect, and print how it went.

    Exit status 1 when stations were not accepted or events stayed undelivered.
    """
    options = Options(
        urls=url,
        protocols=protocol,
        stations=stations,
        sessions=sessions,
        id_token=id_token,
        prefix=prefix,
        first=first,
        password=password,
        ca_file=ca_file,
        certificate=certificate,
        key=key,
        duration_s=duration,
        meter_interval_s=meter_interval,
        speed=speed,
        concurrency=concurrency,
        connect_concurrency=connect_concurrency,
        hold_s=hold,
        compression=compression,
        register_at=http_url if register else None,
        api_key=api_key,
        ledger=ledger,
        verbose=verbose,
    )
    allow_sockets(stations)
    try:
        good = uvloop.run(run(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        good = False
    raise typer.Exit(0 if good else 1)


def allow_sockets(count: int) -> None:
    """Raise the limit of open files as far as needed and allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _FILES_BESIDES_SOCKETS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def main() -> None:
    """The program `csms-simulator`."""
    app()


if __name__ == "__main__":
    main()
