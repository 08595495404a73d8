"""`python -m csms_testing.demo`: simulated stations against a running CSMS, or one started for the occasion."""

import asyncio
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx2
import typer
import uvloop

from csms_testing.demo.board import Board
from csms_testing.demo.site import Site, create_tokens
from csms_testing.demo.view import print_lines, show_live, summary
from csms_testing.simulator import Clock, Fleet
from csms_testing.simulator.api import CsmsApi
from csms_testing.simulator.fleet import identities
from csms_testing.systems import standalone

_PREFIX = "DEMO-"
_CLOSING_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The CSMS to show."""

    ocpp_url: str
    http_url: str
    api_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the demonstration is to be like."""

    stations: int
    duration_s: float
    speed: float
    plain: bool


def demo(
    *,
    url: Annotated[str, typer.Option(help="Where stations connect, without identity.")] = "ws://127.0.0.1:9000/ocpp",
    http_url: Annotated[str, typer.Option(help="The HTTP API.")] = "http://127.0.0.1:8080",
    api_key: Annotated[str, typer.Option(envvar="CSMS_ADMIN_API_KEY", help="A key of the HTTP API.")] = "",
    stations: Annotated[int, typer.Option(min=1, help="How many stations.")] = 20,
    duration: Annotated[float, typer.Option(help="Real seconds; 0: until Ctrl-C.")] = 120,
    speed: Annotated[float, typer.Option(help="How much faster than real time cars charge.")] = 60,
    plain: Annotated[bool, typer.Option(help="Print lines even on a terminal.")] = False,
) -> None:
    """Show a site with simulated stations at work against a CSMS.

    Without a CSMS at --http-url one is started, with its data in a temporary directory.
    """
    wishes = Wishes(stations=stations, duration_s=duration, speed=speed, plain=plain or not sys.stdout.isatty())
    target = Target(ocpp_url=url, http_url=http_url, api_key=api_key)
    try:
        uvloop.run(_run(target, wishes))
    except _NoKeyError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except httpx2.HTTPStatusError as error:
        typer.echo(_refused(error, target), err=True)
        raise typer.Exit(1) from error


class _NoKeyError(Exception):
    """A CSMS runs, and nobody said which key it takes."""


def _refused(error: httpx2.HTTPStatusError, target: Target) -> str:
    if error.response.status_code in {401, 403}:
        return _key_wanted(target, "does not take this key")
    return f"The CSMS at {target.http_url} answered {error.response.status_code} to {error.request.url.path}"


def _key_wanted(target: Target, why: str) -> str:
    how = "CSMS_ADMIN_API_KEY=<the admin key that it printed at its first start> make demo"
    return f"The CSMS at {target.http_url} {why}: {how}, or stop it, and the demonstration starts one of its own"


async def _run(target: Target, wishes: Wishes) -> None:
    async with _csms(target) as found:
        await _show(found, wishes)


@asynccontextmanager
async def _csms(target: Target) -> AsyncIterator[Target]:
    """The running CSMS, or a temporary one when nothing listens there."""
    if await _answers(target.http_url):
        if not target.api_key:
            raise _NoKeyError(_key_wanted(target, "wants a key"))
        yield target
        return
    typer.echo(f"No CSMS at {target.http_url}: starting one for this demonstration")
    with tempfile.TemporaryDirectory(prefix="csms-demo-") as directory:
        async with standalone(Path(directory)) as system:
            yield Target(ocpp_url=system.ocpp_urls[0], http_url=system.http_url, api_key=system.api_key)


async def _answers(http_url: str) -> bool:
    try:
        async with httpx2.AsyncClient(timeout=5) as client:
            await client.get(f"{http_url}/healthz")
    except httpx2.TransportError:
        return False
    return True


async def _show(target: Target, wishes: Wishes) -> None:
    board = Board()
    passwords = {name: secrets.token_urlsafe(16) for name in identities(wishes.stations, _PREFIX)}
    async with CsmsApi(target.http_url, target.api_key) as api:
        await create_tokens(api)
        await api.put_stations(passwords)
        fleet = Fleet(
            wishes.stations,
            target.ocpp_url,
            prefix=_PREFIX,
            password=passwords,
            clock=Clock(wishes.speed),
            observer=board,
        )
        async with fleet:
            site = Site(fleet, api, board)
            await _live(site, target, wishes)
            with suppress(TimeoutError):  # the summary says what is still pending
                async with asyncio.timeout(_CLOSING_S):
                    await site.close()
    for line in summary(fleet, board):
        typer.echo(line)


async def _live(site: Site, target: Target, wishes: Wishes) -> None:
    title = f"CSMS demo: {target.ocpp_url}, time runs {wishes.speed:g} times faster for cars (Ctrl-C ends)"
    show = print_lines(site.fleet, site.board) if wishes.plain else show_live(site.fleet, site.board, title)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(site.live()), group.create_task(show)]
        with suppress(TimeoutError):
            async with asyncio.timeout(wishes.duration_s or None):
                await stop.wait()
        for task in running:
            task.cancel()


if __name__ == "__main__":
    typer.run(demo)
