"""The demonstration: a site that lives, and what it shows of it."""

import asyncio
import io
import random
import sys
from collections.abc import AsyncIterator
from typing import cast

import httpx2
import pytest
from csms_testing.demo.board import Board
from csms_testing.demo.site import BLOCKED, GROUP, Site, create_tokens
from csms_testing.demo.view import _screen, print_lines, summary
from csms_testing.simulator import Clock, Fleet, StationConfig
from csms_testing.simulator.api import CsmsApi
from csms_testing.simulator.frames import Json
from csms_testing.simulator.scripted_csms import ScriptedCsms, scripted_csms
from rich.console import Console


class Watched(Board):
    """A board that says when there is news."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()

    def tell(self, text: str) -> None:
        super().tell(text)
        self.told.set()


class Api:
    """The HTTP API as the site uses it, played."""

    def __init__(self) -> None:
        self.tokens: dict[str, tuple[str, str | None]] = {}
        self.sent: list[str] = []
        self.broken = False

    async def put_id_token(self, id_token: str, status: str = "Accepted", *, group_id: str | None = None) -> None:
        self.tokens[id_token] = (status, group_id)

    async def remote_start(self, station_id: str, _token: str, _evse: int) -> Json:
        return await self.call(station_id, "RequestStartTransaction", {})

    async def call(self, _station_id: str, action: str, _payload: Json) -> Json:
        if self.broken:
            raise httpx2.ConnectError("no CSMS")
        self.sent.append(action)
        return {"outcome": "result", "response": {"status": "Accepted"}}


@pytest.fixture
async def csms() -> AsyncIterator[ScriptedCsms]:
    async with scripted_csms() as found:
        yield found


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def site(csms: ScriptedCsms, api: Api) -> AsyncIterator[Site]:
    board = Watched()
    fleet = Fleet(3, csms.url, config=StationConfig(time_scale=0.001), clock=Clock(20_000), observer=board)
    async with fleet:
        await fleet.wait_accepted()
        dice = random.Random(1)  # noqa: S311  # the same story every time
        yield Site(fleet, cast("CsmsApi", api), board, dice, incident_every_s=0.01)


async def lives_until(site: Site, condition: str) -> None:
    """Let the site live until an attribute of its board is above zero."""
    board = cast("Watched", site.board)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        life = group.create_task(site.live())
        while not getattr(board, condition):
            board.told.clear()
            await board.told.wait()
        life.cancel()


async def test_tokens(api: Api) -> None:
    await create_tokens(cast("CsmsApi", api))

    assert api.tokens[BLOCKED] == ("Blocked", None)
    assert [group for _, group in api.tokens.values()].count(GROUP) == 2


async def test_drivers_come_and_go(csms: ScriptedCsms, site: Site) -> None:
    await lives_until(site, "sessions")
    await site.close()

    assert site.board.energy_wh > 0
    assert not any(station.transactions() for station in site.fleet.stations)
    assert site.fleet.ledger.summary()["pending"] == 0
    assert {"Started", "Updated", "Ended"} == {event[0] for event in csms.events()}


async def test_the_operator_intervenes(site: Site, api: Api) -> None:
    await lives_until(site, "commands")

    assert set(api.sent) <= {"Reset", "TriggerMessage", "RequestStartTransaction"}
    assert any("operator" in line for line in site.board.news)


async def test_a_csms_without_http_does_not_end_the_show(site: Site, api: Api) -> None:
    api.broken = True

    await lives_until(site, "command_failures")


async def test_blocked_cards_are_counted(csms: ScriptedCsms, site: Site) -> None:
    csms.answers["Authorize"] = lambda _: {"idTokenInfo": {"status": "Blocked"}}

    await lives_until(site, "cards_refused")

    assert any("Blocked" in line for line in site.board.news)


async def test_the_screen_shows_stations_and_messages(site: Site) -> None:
    await lives_until(site, "sessions")
    console = Console(width=160, height=50, record=True, file=io.StringIO())
    console.print(_screen(site.fleet, site.board, "a title", 50))
    text = console.export_text()

    assert "a title" in text
    assert "SIM-00003" in text
    assert "TransactionEvent" in text


async def test_lines_for_a_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms_testing.demo.view._LINES_EVERY_S", 0)
    site.board.tell("something happened")
    lines: list[str] = []
    enough = asyncio.Event()

    def echo(text: str) -> None:
        lines.append(text)
        if len(lines) == 2:
            enough.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        printing = group.create_task(print_lines(site.fleet, site.board, echo))
        await enough.wait()
        printing.cancel()

    assert lines[0].endswith("something happened")
    assert lines[1].startswith("3 of 3 stations connected")
    assert "0 sessions" in summary(site.fleet, site.board)[0]


@pytest.mark.slow
async def test_the_program_brings_its_own_csms() -> None:
    arguments = ["--stations", "3", "--duration", "5", "--speed", "600", "--http-url", "http://127.0.0.1:1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "csms_testing.demo", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()

    assert process.returncode == 0
    assert "of 3 stations connected" in output.decode()
    assert "pending 0" in output.decode()
    assert "violations 0" in output.decode()
