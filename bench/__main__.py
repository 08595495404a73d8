"""`make bench`: measures, prints a table, keeps the figures as JSON under bench/results/."""

import asyncio
import contextlib
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
import uvloop
from csms_testing.cluster.layout import free_port
from csms_testing.systems import standalone
from rich.console import Console
from rich.table import Table

from bench.load import Figures, transaction_events

RESULTS = Path(__file__).parent / "results"
console = Console()


@asynccontextmanager
async def baseline(kind: str) -> AsyncIterator[str]:
    """Run baseline E or M in a process of its own; yields its URL."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.baselines", kind, str(port))
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)  # another process starts: nothing here can tell when
        yield f"ws://127.0.0.1:{port}/ocpp"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def ours() -> AsyncIterator[str]:
    """Run the CSMS in one process with SQLite; yields its URL."""
    with tempfile.TemporaryDirectory(prefix="csms-bench-") as directory:
        async with standalone(Path(directory), CSMS_LOG_LEVEL="warning") as system:
            yield system.ocpp_urls[0]


async def _measure(connected: int, active: int, seconds: float) -> dict[str, dict[str, Figures]]:
    systems = {"E: bare websockets": baseline("E"), "M: package ocpp": baseline("M"), "standalone, SQLite": ours()}
    figures: dict[str, dict[str, Figures]] = {}
    for name, system in systems.items():
        async with system as url:
            console.print(f"{name}: {active} of {connected} stations active for {seconds:g} s")
            loaded = await transaction_events(url, connected=connected, active=active, seconds=seconds)
            single = await transaction_events(url, connected=1, active=1, seconds=min(seconds, 5))
            figures[name] = {"throughput": loaded, "latency": single}
    return figures


def _table(figures: dict[str, dict[str, Figures]]) -> Table:
    table = Table("system", "events/s", "x M", "p50 ms", "p99 ms", "1 active: p50 ms", "p99 ms", "failed")
    m = figures["M: package ocpp"]["throughput"].per_second
    for name, both in figures.items():
        load, single = both["throughput"], both["latency"]
        ratio = f"{load.per_second / m:.2f}"
        cells = [f"{load.per_second:,.0f}", ratio, f"{load.p50_ms:.2f}", f"{load.p99_ms:.2f}"]
        table.add_row(name, *cells, f"{single.p50_ms:.2f}", f"{single.p99_ms:.2f}", str(load.failed + single.failed))
    return table


def main(
    connected: Annotated[int, typer.Option(min=1, help="Stations connected.")] = 1000,
    active: Annotated[int, typer.Option(min=1, help="Stations that send.")] = 64,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of each measurement.")] = 10,
) -> None:
    """Measure TransactionEvent round trips: the standalone CSMS beside two baselines, same machine, same client."""
    figures = uvloop.run(_measure(connected, min(active, connected), seconds))
    console.print(_table(figures))
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"transaction-events-{time.strftime('%Y-%m-%d')}.json"
    about = {
        "connected": connected,
        "active": active,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    target.write_bytes(orjson.dumps({"about": about, "figures": figures}, option=orjson.OPT_INDENT_2))
    console.print(f"Kept in {target}")


if __name__ == "__main__":
    typer.run(main)
