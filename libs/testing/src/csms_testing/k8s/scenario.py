"""What a scenario is and how it is run: under load; after it, the ledgers of the stations agree with the database."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from csms_testing.drills.drill import Result
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.load import Load, load
from csms_testing.drills.verify import verify
from csms_testing.k8s.stage import Stage

SERVED_S = 300.0
"""Within this every station must be served again."""
_DEAD_LETTERS = 1000


@dataclass(slots=True)
class Scene:
    """What a scenario works with."""

    stage: Stage
    load: Load
    notes: dict[str, Any] = field(default_factory=dict)

    async def recovered(self, name: str, work: Awaitable[object]) -> float:
        """Do what ends when all is well again; seconds from its begin until every station was served after it."""
        began = time.monotonic()
        await work
        done = time.monotonic()
        served = await self.load.served_again(done, SERVED_S)
        self.notes[name] = {"done_s": round(done - began, 1), "served_s": round(served, 1)}
        return done - began + served


Play = Callable[[Scene], Awaitable[float]]
"""Does something to the release. Returns the longest time in seconds until it was whole, and every station served."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario of the catalogue."""

    name: str
    what: str
    play: Play


async def run(scenario: Scenario, stage: Stage, *, stations: int) -> Result:
    """Play a scenario. What goes wrong stands in the result."""
    result, began = Result(scenario.name, scenario.what, "kubernetes"), time.monotonic()
    try:
        await _run(scenario, stage, result, stations)
        result.ok = True
    except DrillFailed as error:
        result.error = str(error)
    except Exception as error:  # noqa: BLE001  # whatever went wrong is the result, and others are to follow
        result.error = f"{type(error).__name__}: {error}"
    result.seconds = round(time.monotonic() - began, 1)
    return result


async def _run(scenario: Scenario, stage: Stage, result: Result, stations: int) -> None:
    buried, restarted = await _dead_letters(stage), await stage.release.restarts()
    scene: Scene | None = None
    try:
        async with load(stage.api, stage.outfitter, stations=stations) as running:
            scene = Scene(stage, running)
            result.notes = scene.notes
            result.recovery_s = round(await scenario.play(scene), 1)
        await verify(running.acknowledged, stage.store, stage.api, running.prefix)
    finally:
        if scene is not None:
            result.ledger = scene.load.ledger.summary()
            result.commands = dict(scene.load.commands.outcomes)
    if running.commands.wrong:
        raise DrillFailed(f"commands without an answer or a clear failure: {running.commands.wrong[:3]}")
    if new := await _dead_letters(stage) - buried:
        raise DrillFailed(f"{len(new)} new dead letters: {sorted(new)[:3]}")
    await _check_restarts(stage, restarted)


async def _dead_letters(stage: Stage) -> set[str]:
    found = await stage.api.get("/dead-letters", limit=_DEAD_LETTERS)
    return {item["id"] for item in found["items"]}


async def _check_restarts(stage: Stage, before: dict[str, int]) -> None:
    """Nobody may have given up meanwhile. Pods that are new began at 0."""
    now = await stage.release.restarts()
    more = {pod: count for pod, count in now.items() if count > before.get(pod, 0)}
    if more:
        raise DrillFailed(f"containers ended by themselves: {more}")
