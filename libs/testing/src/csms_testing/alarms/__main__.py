"""Makes faults, and sees that the alerts fire and resolve. Writes what was seen to bench/results."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from csms_runtime import logging
from rich.console import Console

from csms_testing.alarms.fault import Fault, Scene
from csms_testing.alarms.faults import FAULTS
from csms_testing.alarms.hurried_rules import alerts, hurried
from csms_testing.alarms.of_tls import tls_settings
from csms_testing.alarms.panels import ask, panels
from csms_testing.alarms.prometheus import Prometheus, prometheus, prometheus_requirement
from csms_testing.drills.arena import cluster
from csms_testing.drills.drill import machine
from csms_testing.drills.load import in_turn, load
from csms_testing.kafka import kafka_requirement
from csms_testing.pki import Pki
from csms_testing.postgres import postgres_requirement

console = Console(highlight=False)

_INTERVAL_S = 5
_RULES = "rules"
"""What is told of rules that cannot be evaluated, instead of a fault's name."""
_SETTINGS = {
    "CSMS_COUNT_INTERVAL_S": "2",
    "CSMS_MESSAGE_RATE": "20",
    "CSMS_OCPP_TLS_RELOAD_S": "1",
    "CSMS_RESULT_MAX_AGE_S": "15",
}
_RESOLVE_S = 400.0
"""The longest range that alone can end an alert, 1 h / 20 = 180 s, and time for the system to be well again."""


@dataclass(slots=True)
class Seen:
    """What was seen of a fault. Times are seconds since it was made, or since it was mended."""

    name: str
    what: str
    at: str = ""
    """When it was made."""
    durations_divided_by: float = 1.0
    """How much shorter the durations of the rules were."""
    fired_after_s: dict[str, float] = field(default_factory=dict)
    resolved_after_s: dict[str, float] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    """Other alerts that fired, too."""
    error: str = ""


class Drill:
    """Makes faults on a running system that a Prometheus watches."""

    def __init__(self, scene: Scene, server: Prometheus, factor: float) -> None:
        self._scene = scene
        self._server = server
        self._factor = factor
        self._others: set[str] = set()

    async def see(self, fault: Fault) -> Seen:
        """Make a fault, wait for its alerts, mend it, wait until none fires. What goes wrong is in the result."""
        seen = Seen(fault.name, fault.what, datetime.now(UTC).isoformat(timespec="seconds"), self._factor)
        self._others = set()
        try:
            await self._until_over(fault.alerts, _RESOLVE_S)
            await self._see(fault, seen)
        except Exception as error:  # noqa: BLE001 it is the result, and others are to follow
            seen.error = _told(error)
        seen.others = sorted(self._others - fault.alerts)
        return seen

    async def _see(self, fault: Fault, seen: Seen) -> None:
        began = time.monotonic()
        async with fault.made(self._scene):
            while missing := fault.alerts - seen.fired_after_s.keys():
                seen.fired_after_s |= dict.fromkeys(await self._firing() & missing, round(time.monotonic() - began, 1))
                if time.monotonic() - began > fault.fire_s:
                    seen.error = f"did not fire: {', '.join(sorted(fault.alerts - seen.fired_after_s.keys()))}"
                    break
                await asyncio.sleep(1)
        mended = time.monotonic()
        fired = set(seen.fired_after_s)
        while left := fired - seen.resolved_after_s.keys():
            gone = left - await self._firing()
            seen.resolved_after_s |= dict.fromkeys(gone, round(time.monotonic() - mended, 1))
            if time.monotonic() - mended > _RESOLVE_S:
                seen.error += f" did not resolve: {', '.join(sorted(left))}"
                return
            await asyncio.sleep(1)

    async def _until_over(self, alerts: frozenset[str], deadline_s: float) -> None:
        """Wait until none of these fires because of what was before."""
        async with asyncio.timeout(deadline_s):
            while alerts & await self._firing():  # noqa: ASYNC110 Prometheus tells nobody
                await asyncio.sleep(1)

    async def _firing(self) -> set[str]:
        found = await self._server.firing()
        self._others |= found
        return found


def _told(error: BaseException) -> str:
    """Return what went wrong, of a group all that did."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_told, error.exceptions))
    return f"{type(error).__name__}: {error}"


@asynccontextmanager
async def _watched(rules: Path, factor: float) -> AsyncIterator[Scene]:
    """Run the system under load, with a Prometheus that watches it."""
    content = hurried(rules, factor, 5 * _INTERVAL_S)
    async with AsyncExitStack() as stack:
        pki = Pki(Path(stack.enter_context(TemporaryDirectory(prefix="csms-alarms-"))))
        settings = {**_SETTINGS, **tls_settings(pki)}
        arena = await stack.enter_async_context(cluster(settings=settings, tls=True))
        watched = [process for process in arena.processes.values() if process.pid is not None]
        server = prometheus(arena.directory / "prometheus", watched, content, interval_s=_INTERVAL_S)
        console.print(f"logs are in {arena.directory} while it runs")
        async with load(arena.api, in_turn(arena.ocpp_urls), stations=12) as running, server as prometheus_server:
            console.print(f"Prometheus answers at {prometheus_server.url}")
            await asyncio.sleep(10 * _INTERVAL_S)  # until there is something to compare with
            yield Scene(arena, running, prometheus_server, pki)


async def _run(faults: Sequence[Fault], rules: Path, factor: float, tell: Callable[[Seen], None]) -> None:
    async with _watched(rules, factor) as scene:
        drill = Drill(scene, scene.prometheus, factor)
        for fault in faults:
            console.print(f"  {fault.name}: {fault.what} ...")
            tell(await drill.see(fault))
        if wrong := await scene.prometheus.wrong_rules():
            tell(Seen(_RULES, "all rules can be evaluated", error="; ".join(wrong)))


async def _look(rules: Path, factor: float, dashboards: Path) -> bool:
    """Ask what all panels ask; say which have nothing to show, and why. Return whether all is as it should be."""
    async with _watched(rules, factor) as scene:
        found = [await ask(scene.prometheus, panel) for panel in panels(dashboards)]
    wrong = [panel for panel in found if panel.error or not (panel.series or panel.reason)]
    for panel in found:
        if not panel.series:
            told = panel.error or panel.reason or "nothing to show, and no reason is known"
            console.print(
                f"  {panel.board}, {panel.title}: {told}: {panel.expression}", style="red" if panel in wrong else None
            )
    console.print(f"{len(found)} queries, {sum(panel.series > 0 for panel in found)} with data, {len(wrong)} wrong")
    return not wrong


def _show(seen: Seen) -> None:
    for alert, seconds in seen.fired_after_s.items():
        resolved = seen.resolved_after_s.get(alert)
        console.print(f"    {alert}: fired after {seconds} s, resolved after {resolved} s")
    if seen.others:
        console.print(f"    also: {', '.join(seen.others)}")
    if seen.error:
        console.print(f"    [red]{seen.error}[/]")


def _write(seen: Sequence[Seen], alerts_there_are: Set[str], directory: Path) -> Path:
    """Write the report of the day; faults that are not made again keep what they got earlier, and say when."""
    now = datetime.now(UTC)
    path = directory / f"alarms-{now:%Y-%m-%d}.json"
    before = sorted(directory.glob("alarms-*.json"))
    earlier = json.loads(before[-1].read_text())["faults"] if before else []
    made = {fault.name for fault in FAULTS}
    found = {each["name"]: each for each in (*earlier, *map(asdict, seen)) if each["name"] in made}
    resolved = {alert for each in found.values() for alert in each["resolved_after_s"]}
    fired = {alert for each in found.values() for alert in (*each["fired_after_s"], *each["others"])}
    content = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "faults": [found[fault.name] for fault in FAULTS if fault.name in found],
        "wrong_rules": [each.error for each in seen if each.name == _RULES],
        "fired_and_resolved": sorted(resolved),
        "only_fired": sorted(fired - resolved),
        "not_seen": sorted(alerts_there_are - fired - resolved),
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def main(
    only: Annotated[list[str] | None, typer.Option(help="Make this fault; may be repeated.")] = None,
    *,
    factor: Annotated[float, typer.Option(help="How much shorter the durations of the rules are.")] = 20.0,
    rules: Annotated[Path, typer.Option(help="The rules.")] = Path("deploy/prometheus/rules.yaml"),
    results: Annotated[Path, typer.Option(help="Where the JSON report goes.")] = Path("bench/results"),
    list_faults: Annotated[bool, typer.Option("--list", help="Show the faults and end.")] = False,
    only_panels: Annotated[
        bool, typer.Option("--panels", help="Make no fault, ask what the panels of the dashboards ask, and end.")
    ] = False,
    dashboards: Annotated[Path, typer.Option(help="The dashboards.")] = Path("deploy/grafana/dashboards"),
) -> None:
    """Make faults in a running cluster, and see that the alerts of a real Prometheus fire and resolve.

    Java, Maven, PostgreSQL and Prometheus are needed. All faults take about an hour, each of them between half a minute
    and ten minutes. Ranges, offsets and `for` of the rules are divided by --factor, so that six hours are 18 minutes;
    what alerts compare with stays, but for the ages of records and counts. A fault that is not made again keeps its
    place in the report, with its date. The exit status is 1 when an alert did not fire or resolve.
    """
    chosen = set(only or ())
    if unknown := chosen - {fault.name for fault in FAULTS}:
        raise typer.BadParameter(f"there is no fault {', '.join(sorted(unknown))}; see --list")
    faults = [fault for fault in FAULTS if not chosen or fault.name in chosen]
    if list_faults:
        for fault in faults:
            console.print(f"{fault.name:20} {fault.what}: {', '.join(sorted(fault.alerts))}")
        return
    logging.configure("ERROR", "console")
    missing = prometheus_requirement() or kafka_requirement() or postgres_requirement()
    if missing:
        console.print(missing, style="red")
        raise typer.Exit(1)
    if only_panels:
        raise typer.Exit(not asyncio.run(_look(rules, factor, dashboards)))
    seen: list[Seen] = []
    names = alerts(hurried(rules, factor, 1))

    def tell(found: Seen) -> None:
        seen.append(found)
        _show(found)
        _write(seen, names, results)

    asyncio.run(_run(faults, rules, factor, tell))
    failed = [each for each in seen if each.error]
    if failed:
        console.print(f"{len(failed)} of {len(seen)} failed: {[each.error for each in failed]}", style="red")
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
