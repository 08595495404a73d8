"""What a drill is, and how one is run."""

import os
import platform
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from csms_testing.drills.arena import Arena
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.load import Load, in_turn, load
from csms_testing.drills.told import domain_events
from csms_testing.drills.topics import dead_letters
from csms_testing.drills.verify import verify


class Stage(Enum):
    """What a drill is run on."""

    CLUSTER = "one broker"
    CLUSTER_OF_THREE = "three brokers"
    STANDALONE = "standalone"
    """On a small disk."""
    STANDALONE_ROOMY = "standalone, roomy disk"

    @property
    def needs_stores(self) -> bool:
        """Whether it has Kafka and PostgreSQL."""
        return self in {Stage.CLUSTER, Stage.CLUSTER_OF_THREE}


@dataclass(slots=True)
class Scene:
    """What a drill works with."""

    arena: Arena
    load: Load
    short: bool
    """Continuous integration: break things for seconds instead of half a minute."""
    notes: dict[str, Any] = field(default_factory=dict)
    """More results, for the report."""
    expected_dead_letters: int = 0
    """What the drill put there on purpose."""
    restored: bool = False
    """Whether the database went back to an earlier moment: what others were told since is told again."""

    @property
    def outage_s(self) -> float:
        """How long a store is to be away."""
        return 8.0 if self.short else 30.0


Play = Callable[[Scene], Awaitable[float]]
"""Breaks something and repairs it. Returns the recovery time in seconds: from the repair (or, where nothing is
repaired, from the fault) until every station was served again."""


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill of the catalogue."""

    name: str
    what: str
    stage: Stage
    play: Play
    stations: int = 24


@dataclass(slots=True)
class Result:
    """How a drill went."""

    name: str
    what: str
    stage: str
    ok: bool = False
    error: str = ""
    recovery_s: float | None = None
    seconds: float = 0.0
    ledger: dict[str, int] = field(default_factory=dict)
    commands: dict[str, int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


async def run(drill: Drill, arena: Arena, *, short: bool, stations: int | None = None) -> Result:
    """Run a drill, with as many `stations` if the drill's own number does not suit.

    What goes wrong stands in the result.
    """
    result, started = Result(drill.name, drill.what, drill.stage.value), time.monotonic()
    try:
        await _run(drill, arena, result, short=short, stations=stations or drill.stations)
        result.ok = True
    except Exception as error:  # noqa: BLE001  # whatever went wrong is the drill's result, and others are to follow
        result.error = f"{type(error).__name__}: {error}" if not isinstance(error, DrillFailed) else str(error)
    result.seconds = round(time.monotonic() - started, 1)
    return result


async def _run(drill: Drill, arena: Arena, result: Result, *, short: bool, stations: int) -> None:
    buried = await _dead_letters(arena)
    scene: Scene | None = None
    try:
        async with load(arena.api, in_turn(arena.ocpp_urls), stations=stations) as running:
            scene = Scene(arena, running, short)
            result.notes = scene.notes
            result.recovery_s = round(await drill.play(scene), 2)
        prefix = scene.load.prefix
        read_told = None
        if arena.kafka is not None:
            read_told = partial(domain_events, arena.kafka.bootstrap, prefix, restored=scene.restored)
        await verify(scene.load.acknowledged, arena.store, arena.api, prefix, read_told=read_told)
    finally:
        if scene is not None:
            result.ledger = scene.load.ledger.summary()
            result.commands = dict(scene.load.commands.outcomes)
    if scene.load.commands.wrong:
        raise DrillFailed(f"commands without an answer or a clear failure: {scene.load.commands.wrong[:3]}")
    await _check_dead_letters(arena, buried, scene.expected_dead_letters)
    _check_alive(arena)


async def _dead_letters(arena: Arena) -> int:
    return 0 if arena.kafka is None else len(await dead_letters(arena.kafka.bootstrap))


async def _check_dead_letters(arena: Arena, before: int, expected: int) -> None:
    if arena.kafka is None:
        return
    letters = (await dead_letters(arena.kafka.bootstrap))[before:]
    if len(letters) != expected:
        shown = [(letter.topic, letter.reason) for letter in letters[:3]]
        raise DrillFailed(f"{len(letters)} dead letters instead of {expected}: {shown}")


def _check_alive(arena: Arena) -> None:
    """Nobody may have given up meanwhile."""
    dead = [name for name, process in arena.processes.items() if process.died]
    if dead:
        raise DrillFailed(f"{', '.join(dead)} ended by itself")


def machine() -> dict[str, Any]:
    """What the drills ran on, for the report."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load_average": [round(value, 1) for value in os.getloadavg()],
    }


def outcomes(results: Sequence[Result]) -> tuple[int, int]:
    """How many drills held, of how many."""
    return sum(result.ok for result in results), len(results)
