"""`make bench`: measures, prints a table, keeps the figures as JSON under bench/results/."""

import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Annotated, Any

import typer
import uvloop
from csms_testing.cluster.stores import StoreMissingError
from rich.console import Console

from bench import results, systems
from bench.cases import (
    commands,
    flat,
    idle,
    messages,
    million,
    ocpp_16,
    partitions,
    reading,
    retention,
    round_trips,
    scale,
    storm,
    tls,
    traces,
)
from bench.fleet import raise_file_limit
from bench.settings import Settings
from bench.tables import tables

console = Console(highlight=False)

CASES: dict[str, Callable[[Settings], Awaitable[dict[str, Any]]]] = {
    "round-trips": round_trips.measure,
    "ocpp-1.6": ocpp_16.measure,
    "idle": idle.measure,
    "storm": storm.measure,
    "tls": tls.measure,
    "flat": flat.measure,
    "commands": commands.measure,
    "scale": scale.measure,
    "reading": reading.measure,
    "retention": retention.measure,
    "partitions": partitions.measure,
    "million": million.measure,
    "traces": traces.measure,
    "messages": messages.measure,
}
_NEED_STORES = {"round-trips", "ocpp-1.6", "idle", "storm", "commands", "scale", "partitions", "million", "messages"}


def _settings(stores: systems.Stores | None, *, quick: bool) -> Settings:
    def say(text: str) -> None:
        console.print(f"  {text}", style="dim")

    if quick:
        return Settings(2, 2, 200, 64, 1000, 200_000, 200, 10, stores, say)
    return Settings(5, 5, 1000, 64, 10_000, 10_000_000, 1000, 60, stores, say)


async def _stores(stack: AsyncExitStack, names: set[str]) -> systems.Stores | None:
    if not names & _NEED_STORES:
        return None
    console.print("Starting Apache Kafka and PostgreSQL")
    try:
        return await stack.enter_async_context(systems.stores())
    except StoreMissingError as error:
        console.print(f"No distributed figures: {error}", style="yellow")
        return None


async def _measure(
    names: list[str], *, quick: bool, standalone_only: bool, keep: Callable[[str, dict[str, Any], float], object]
) -> None:
    """Measure one after another; each is kept as soon as it is measured, so that a later failure costs nothing."""
    async with AsyncExitStack() as stack:
        stores = None if standalone_only else await _stores(stack, set(names))
        settings = _settings(stores, quick=quick)
        for number, name in enumerate(names):
            console.print(f"[{number + 1}/{len(names)}] {name}")
            load_before = round(os.getloadavg()[0], 2)
            keep(name, await CASES[name](settings), load_before)


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small fleets and short runs: a look, no result.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Measure only this: {', '.join(CASES)}.")] = None,
    standalone_only: Annotated[bool, typer.Option("--standalone", help="Leave out Kafka and PostgreSQL.")] = False,
    name: Annotated[str, typer.Option(help="Name of the result set; measurements left out are kept.")] = "",
) -> None:
    """Measure the CSMS beside two baselines, on this machine, with the same client."""
    unknown = set(only or ()) - CASES.keys()
    if unknown:
        raise typer.BadParameter(f"no such measurement: {', '.join(sorted(unknown))}")
    raise_file_limit()
    about = results.about({"quick": quick})
    kept_as = name or ("quick" if quick else "latest")
    try:
        earlier = results.load(kept_as)
    except FileNotFoundError:
        earlier = {}
    everything = {**earlier, "about": about}
    measured: dict[str, dict[str, Any]] = everything.setdefault("measured", {})

    def keep(case: str, found: dict[str, Any], load_before: float) -> None:
        everything[case] = found
        measured[case] = {"date": about["date"], "processor": about["processor"], "load_before": load_before}
        console.print(f"Kept in {results.keep(kept_as, everything)}")

    uvloop.run(_measure(only or list(CASES), quick=quick, standalone_only=standalone_only, keep=keep))
    for table in filter(lambda table: table.rows, tables(everything)):
        console.print(table.as_rich())


if __name__ == "__main__":
    typer.run(main)
