"""The demonstration on the screen: live tables on a terminal, lines elsewhere."""

import asyncio
from collections.abc import Callable

import typer
from rich.console import Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from csms_testing.demo.board import Board
from csms_testing.simulator import Fleet, Station
from csms_testing.simulator.run import describe_stats

_STYLES = {
    "Available": "green",
    "Occupied": "cyan",
    "Reserved": "magenta",
    "Unavailable": "yellow",
    "Faulted": "bold red",
}
_REFRESHES_PER_S = 4
_LINES_EVERY_S = 5
_ROWS_AROUND_TABLE = 9
_LOG_ROWS = 9


async def show_live(fleet: Fleet, board: Board, title: str) -> None:
    """Redraw until cancelled."""
    with Live(screen=True, refresh_per_second=_REFRESHES_PER_S) as live:
        while True:
            live.update(_screen(fleet, board, title, live.console.size.height))
            await asyncio.sleep(1 / _REFRESHES_PER_S)


def _screen(fleet: Fleet, board: Board, title: str, height: int) -> Layout:
    logs = max(3, min(_LOG_ROWS, (height - len(fleet.stations) - _ROWS_AROUND_TABLE) // 2))
    layout = Layout()
    layout.split_column(
        Layout(Panel(_numbers(fleet, board), title=title), size=4),
        Layout(_table(fleet, board)),
        Layout(Panel(_lines(list(board.news)[-logs:]), title="On the site"), size=logs + 2),
        Layout(Panel(_lines(board.messages(logs)), title="OCPP messages"), size=logs + 2),
    )
    return layout


def _lines(lines: list[str]) -> Text:
    return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")


def _numbers(fleet: Fleet, board: Board) -> Group:
    return Group(Text(_situation(fleet, board)), Text(describe_stats(fleet.stats)))


def _situation(fleet: Fleet, board: Board) -> str:
    charging = sum(len(station.transactions()) for station in fleet.stations)
    waiting = sum(len(station.delivery) for station in fleet.stations)
    return (
        f"{fleet.accepted} of {len(fleet.stations)} stations connected, {charging} transactions running, "
        f"{board.sessions} sessions done, {board.energy_wh / 1000:.1f} kWh, {board.cards_refused} cards refused, "
        f"{waiting} events waiting"
    )


def _table(fleet: Fleet, board: Board) -> Table:
    table = Table(expand=True, box=None, header_style="bold")
    for name in ("Station", "State", "Connectors", "Transaction", "Energy", "Power", "Last message"):
        table.add_column(name, justify="right" if name in ("Energy", "Power") else "left", no_wrap=True)
    for station in fleet.stations:
        table.add_row(*_row(station, board))
    return table


def _row(station: Station, board: Board) -> list[Text]:
    running = station.transactions()
    meters = [station.evses[transaction.evse_id].meter for transaction in running]
    energy = sum(
        meter.energy_wh - transaction.meter_start_wh for meter, transaction in zip(meters, running, strict=True)
    )
    power = sum(meter.power_w for meter in meters)
    return [
        Text(station.id),
        Text(_state(station), style="green" if station.accepted else "red"),
        _connectors(station),
        Text(" ".join(transaction.id[:8] for transaction in running)),
        Text(f"{energy / 1000:.2f} kWh" if running else ""),
        Text(f"{power / 1000:.1f} kW" if running else ""),
        Text(board.last_message.get(station.id, "")),
    ]


def _state(station: Station) -> str:
    if station.accepted:
        return "online"
    return station.registration.value if station.connected else "offline"


def _connectors(station: Station) -> Text:
    text = Text()
    for evse in station.evses.values():
        for connector in evse.connectors:
            status = station.status(evse.id, connector.id)
            text.append(f"{status.value:<12}", style=_STYLES[status])
    return text


async def print_lines(fleet: Fleet, board: Board, echo: Callable[[str], None] = typer.echo) -> None:
    """Print news as it comes and the situation every few seconds, until cancelled."""
    while True:
        while board.news:
            echo(board.news.popleft())
        echo(_situation(fleet, board))
        await asyncio.sleep(_LINES_EVERY_S)


def summary(fleet: Fleet, board: Board) -> list[str]:
    """What happened, at the end."""
    visits = f"{board.sessions} sessions, {board.energy_wh / 1000:.1f} kWh, {board.cards_refused} cards refused"
    ledger = ", ".join(f"{name} {count}" for name, count in fleet.ledger.summary().items())
    return [
        f"{visits}, {board.commands} commands over HTTP ({board.command_failures} failed)",
        describe_stats(fleet.stats),
        f"transaction events: {ledger}",
    ]
