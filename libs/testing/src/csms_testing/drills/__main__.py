"""`make drill`: breaks the system in every way the catalogue knows, and checks that nothing is lost."""

import asyncio
import json
import shutil
import signal
import sys
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from csms_runtime import logging
from rich.console import Console
from rich.table import Table

from csms_testing.drills import catalogue
from csms_testing.drills.arena import Arena, cluster, standalone
from csms_testing.drills.drill import Drill, Result, Stage, machine, outcomes, run
from csms_testing.drills.scenarios.disk import on_small_disk
from csms_testing.kafka import kafka_requirement
from csms_testing.postgres import postgres_requirement

console = Console(highlight=False)


def _stage(stage: Stage) -> AbstractAsyncContextManager[Arena]:
    if stage is Stage.STANDALONE:
        return on_small_disk()
    if stage is Stage.STANDALONE_ROOMY:
        return standalone()
    return cluster(brokers=3 if stage is Stage.CLUSTER_OF_THREE else 1)


async def _run_all(drills: list[Drill], *, short: bool, logs: Path) -> list[Result]:
    task = asyncio.current_task()
    if task is not None:  # what was started is to be stopped, however we are ended
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    results = []
    for stage, of_stage in catalogue.by_stage(drills).items():
        left = list(of_stage)
        while left:
            results += await _run_on(stage, left, short=short, logs=logs)
    return results


async def _run_on(stage: Stage, left: list[Drill], *, short: bool, logs: Path) -> list[Result]:
    """Run drills on one system until they are done or one fails: the next one shall meet a sound system."""
    results: list[Result] = []
    async with AsyncExitStack() as stack:
        console.print(f"[bold]Starting the system: {stage.value}")
        arena = await stack.enter_async_context(_stage(stage))
        while left and (not results or results[-1].ok):
            drill = left.pop(0)
            console.print(f"  {drill.name}: {drill.what} ...")
            results.append(result := await run(drill, arena, short=short))
            _show(result)
            if not result.ok:
                _keep_logs(arena, logs / drill.name)
    return results


def _show(result: Result) -> None:
    if result.ok:
        console.print(f"    [green]held[/], recovered in {result.recovery_s} s; {result.ledger.get('events')} events")
    else:
        console.print(f"    [red]FAILED[/]: {result.error}", markup=True)


def _keep_logs(arena: Arena, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in arena.directory.glob("*.log"):
        shutil.copy(file, target)
    console.print(f"    logs: {target}")


def _table(results: list[Result]) -> Table:
    table = Table(title="Fault drills")
    for column in ("drill", "result", "recovery s", "events", "resent", "commands", "took s"):
        table.add_column(column)
    for result in results:
        commands = ", ".join(f"{count} {what}" for what, count in sorted(result.commands.items()))
        table.add_row(
            result.name,
            "held" if result.ok else "FAILED",
            "" if result.recovery_s is None else f"{result.recovery_s:.1f}",
            str(result.ledger.get("events", "")),
            str(result.ledger.get("resent", "")),
            commands,
            f"{result.seconds:.0f}",
        )
    return table


def _write(results: list[Result], directory: Path, *, short: bool) -> Path:
    """Write the report of the day; drills that are not run again keep what they got earlier."""
    now = datetime.now(UTC)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"drills-{now:%Y-%m-%d}{'-short' if short else ''}.json"
    earlier = json.loads(path.read_text())["drills"] if path.exists() else []
    drills = {drill["name"]: drill for drill in (*earlier, *map(asdict, results))}
    order = {drill.name: number for number, drill in enumerate(catalogue.DRILLS)}
    content = {
        "date": now.isoformat(timespec="seconds"),
        "short": short,
        "machine": machine(),
        "drills": sorted(drills.values(), key=lambda drill: order.get(drill["name"], len(order))),
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def main(
    only: Annotated[list[str] | None, typer.Option(help="Run this drill; may be repeated.")] = None,
    *,
    short: Annotated[bool, typer.Option(help="Outages of seconds instead of half a minute.")] = False,
    list_drills: Annotated[bool, typer.Option("--list", help="Show the drills and end.")] = False,
    results: Annotated[Path, typer.Option(help="Where the JSON report goes.")] = Path("bench/results"),
    logs: Annotated[Path, typer.Option(help="Where the logs of failed drills go.")] = Path("data/drills"),
) -> None:
    """Break the running system in every way the catalogue knows, and check that nothing is lost.

    Java, Maven and PostgreSQL are needed. The exit status is 1 when a drill failed.
    """
    try:
        drills = catalogue.chosen(only or [])
    except KeyError as error:
        raise typer.BadParameter(f"there is no drill {error}; see --list") from error
    if list_drills:
        for drill in drills:
            console.print(f"{drill.name:20} {drill.what} ({drill.stage.value})")
        return
    logging.configure("WARNING", "console")
    missing = kafka_requirement() or postgres_requirement()
    if missing and any(drill.stage.needs_stores for drill in drills):
        console.print(missing, style="red")
        raise typer.Exit(1)
    try:
        found = asyncio.run(_run_all(drills, short=short, logs=logs))
    except asyncio.CancelledError:
        raise typer.Exit(143) from None
    console.print(_table(found))
    console.print(f"Report: {_write(found, results, short=short)}")
    held, total = outcomes(found)
    if held < total:
        console.print(f"{total - held} of {total} drills FAILED", style="red")
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
