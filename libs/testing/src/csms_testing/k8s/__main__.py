"""`make k8s-test`: the chart on the cluster that KUBECONFIG names, loaded, broken, upgraded, rolled back."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from csms_runtime import logging
from rich.console import Console
from rich.table import Table

from csms_testing.drills.drill import Result, machine, outcomes
from csms_testing.k8s import stage as stages
from csms_testing.k8s.names import IMAGE, NODE_PORTS
from csms_testing.k8s.programs import CommandFailed, Namespace, output_of
from csms_testing.k8s.release import Release
from csms_testing.k8s.scenario import Scenario, run
from csms_testing.k8s.scenarios import catalogue
from csms_testing.pki import Pki

console = Console(highlight=False)
_OF_A_SCENARIO = ("date", "commit", "image")
"""What stands in the report for each scenario: they need not all be played at a time."""


def _chosen(image: str, chart: Path, only: list[str]) -> list[Scenario]:
    by_name = {scenario.name: scenario for scenario in catalogue(image, chart)}
    unknown = [name for name in only if name not in by_name]
    if unknown:
        raise typer.BadParameter(f"there is no scenario {unknown[0]}; see --list")
    return [by_name[name] for name in only or by_name]


async def _play(
    release: Release, scenarios: list[Scenario], host: str, stations: int, keep: Callable[[Result], object]
) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="csms-k8s-") as directory:
        pki = Pki(Path(directory))
        stages.issue(pki, host)
        console.print(f"[bold]Installing {release.name} in the namespace {release.namespace.name}")
        await stages.prepare(release.namespace, pki)
        stage = await stages.installed(release, pki, host)
        console.print(f"  ready: {stage.notes}")
        results = []
        for scenario in scenarios:
            console.print(f"  {scenario.name}: {scenario.what} ...")
            results.append(result := await run(scenario, stage, stations=stations))
            _show(result)
            keep(result)
        await stage.api.close()
        return results


async def _play_and_leave(
    release: Release,
    scenarios: list[Scenario],
    *,
    host: str,
    stations: int,
    keep: Callable[[Result], object],
    keep_namespace: bool,
) -> list[Result]:
    try:
        return await _play(release, scenarios, host, stations, keep)
    finally:
        if not keep_namespace:
            await release.namespace.delete()


def _show(result: Result) -> None:
    if result.ok:
        console.print(f"    [green]held[/], {result.recovery_s} s at most; {result.ledger.get('events')} events")
    else:
        console.print(f"    [red]FAILED[/]: {result.error}", markup=True)


def _table(results: list[Result]) -> Table:
    table = Table(title="The chart on a cluster")
    for column in ("scenario", "result", "recovery s", "events", "resent", "commands", "took s"):
        table.add_column(column)
    for result in results:
        commands = ", ".join(f"{count} {what}" for what, count in sorted(result.commands.items()))
        events, resent = (str(result.ledger.get(name, "")) for name in ("events", "resent"))
        recovery = "" if result.recovery_s is None else f"{result.recovery_s:.1f}"
        table.add_row(
            result.name, "held" if result.ok else "FAILED", recovery, events, resent, commands, f"{result.seconds:.0f}"
        )
    return table


async def _about(stations: int, image: str) -> dict[str, Any]:
    server = json.loads(await output_of("kubectl", "version", "--output=json"))["serverVersion"]["gitVersion"]
    commit = await output_of("git", "describe", "--always", "--abbrev=40", "--dirty")
    helm = (await output_of("helm", "version", "--short")).strip()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.strip(),
        "kubernetes": server,
        "helm": helm,
        "image": image,
        "stations": stations,
        "machine": machine(),
    }


def _write(result: Result, about: dict[str, Any], directory: Path) -> Path:
    """Put a scenario into the report of the day; each has its own commit, so that others keep what they got earlier."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"k8s-{about['date'][:10]}.json"
    earlier = json.loads(path.read_text()) if path.exists() else {"scenarios": []}
    of_whole = {name: earlier[name] for name in _OF_A_SCENARIO if name in earlier}
    scenarios = {each["name"]: of_whole | each for each in earlier["scenarios"]}
    scenarios[result.name] = asdict(result) | {name: about[name] for name in _OF_A_SCENARIO}
    path.write_text(json.dumps(about | {"scenarios": list(scenarios.values())}, indent=2) + "\n")
    return path


def main(  # typer reads them as options
    only: Annotated[list[str] | None, typer.Option(help="Play this scenario; may be repeated.")] = None,
    *,
    list_scenarios: Annotated[bool, typer.Option("--list", help="Show the scenarios and end.")] = False,
    image: Annotated[str, typer.Option(help="Image of the services; the nodes have it or can pull it.")] = IMAGE,
    previous_image: Annotated[
        str | None, typer.Option(help="Image that is installed first, and upgraded from; absent: the same one.")
    ] = None,
    chart: Annotated[Path, typer.Option(help="The chart.", exists=True)] = Path("deploy/helm/csms"),
    previous_chart: Annotated[
        Path | None, typer.Option(help="Chart that is installed first; absent: the same one.", exists=True)
    ] = None,
    namespace: Annotated[str, typer.Option(help="Namespace; it is made anew.")] = "csms-test",
    host: Annotated[str, typer.Option(help="Where the ports of the nodes are reached; see --ports.")] = "127.0.0.1",
    ports: Annotated[bool, typer.Option("--ports", help="Show which ports of the nodes are used, and end.")] = False,
    stations: Annotated[int, typer.Option(min=3, help="Stations, a third of each security profile.")] = 12,
    keep: Annotated[bool, typer.Option(help="Leave the namespace there.")] = False,
    results: Annotated[Path, typer.Option(help="Where the JSON report goes.")] = Path("bench/results"),
) -> None:
    """Install the chart on the cluster that KUBECONFIG names, and check that nothing is lost whatever is done to it.

    kubectl and helm are needed, and images (`make image k8s-images`) in the nodes. The exit status is 1 when a scenario
    failed.
    """
    scenarios = _chosen(image, chart, only or [])
    if ports:
        console.print(" ".join(map(str, NODE_PORTS.values())))
        return
    if list_scenarios:
        for scenario in scenarios:
            console.print(f"{scenario.name:20} {scenario.what}")
        return
    logging.configure("WARNING", "console")
    release = Release(Namespace(namespace), previous_chart or chart, stages.values_for(previous_image or image))
    try:
        about = asyncio.run(_about(stations, image))
        write = partial(_write, about=about, directory=results)
        playing = _play_and_leave(release, scenarios, host=host, stations=stations, keep=write, keep_namespace=keep)
        found = asyncio.run(playing)
    except CommandFailed as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    console.print(_table(found))
    console.print(f"Report: {results}")
    held, total = outcomes(found)
    if held < total:
        console.print(f"{total - held} of {total} scenarios FAILED", style="red")
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
