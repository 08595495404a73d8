"""A large fleet of all versions of OCPP at once. Nothing breaks; it is the books that are looked at."""

import asyncio
import time
from collections import Counter

from csms_testing.drills.drill import Drill, Scene, Stage
from csms_testing.drills.failure import DrillFailed
from csms_testing.simulator import State, Station

_STATIONS = 300
_DEADLINE_S = 300.0


async def whole_sessions(scene: Scene) -> float:
    """Have every station end some sessions. Returns how many seconds all of them took."""
    wanted, began = 1 if scene.short else 3, time.monotonic()
    while missing := _missing(scene, wanted):
        if time.monotonic() > began + _DEADLINE_S:
            raise DrillFailed(f"{len(missing)} stations ended no {wanted} sessions, such as {missing[0].id}")
        await asyncio.sleep(1)
    scene.notes |= _by_version(scene)
    return time.monotonic() - began


def _missing(scene: Scene, wanted: int) -> list[Station]:
    ended = _ended(scene)
    return [station for station in scene.load.stations if ended[station.id] < wanted]


def _ended(scene: Scene) -> Counter[str]:
    """How many sessions each station has ended, as the CSMS has acknowledged."""
    told = scene.load.ledger.in_state(State.ACKNOWLEDGED)
    return Counter(entry.station_id for entry in told if entry.event_type == "Ended")


def _by_version(scene: Scene) -> dict[str, int]:
    ended, versions = _ended(scene), Counter[str]()
    for station in scene.load.stations:
        versions[f"{station.version.protocol} stations"] += 1
        versions[f"{station.version.protocol} sessions"] += ended[station.id]
    return dict(versions)


DRILLS = (
    Drill(
        "mixed-fleet", "300 stations of all versions charge, nothing breaks", Stage.CLUSTER, whole_sessions, _STATIONS
    ),
    Drill(
        "mixed-fleet-standalone",
        "300 stations of all versions charge, nothing breaks",
        Stage.STANDALONE_ROOMY,
        whole_sessions,
        _STATIONS,
    ),
)
