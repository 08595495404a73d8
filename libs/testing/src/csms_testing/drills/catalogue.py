"""All drills, the most important first."""

from csms_testing.drills.drill import Drill, Stage
from csms_testing.drills.scenarios import (
    clocks,
    disk,
    fleets,
    hostile,
    partitions,
    poison,
    restore,
    services,
    sockets,
    stores,
)

DRILLS: tuple[Drill, ...] = (
    *services.DRILLS,
    *stores.DRILLS,
    *restore.DRILLS,
    *partitions.DRILLS,
    *poison.DRILLS,
    *sockets.DRILLS,
    *clocks.DRILLS,
    *disk.DRILLS,
    *fleets.DRILLS,
    *hostile.DRILLS,
)


def chosen(names: list[str]) -> list[Drill]:
    """Return the drills with these names, or all. Raises KeyError for a name that no drill has."""
    by_name = {drill.name: drill for drill in DRILLS}
    return [by_name[name] for name in names] if names else list(DRILLS)


def by_stage(drills: list[Drill]) -> dict[Stage, list[Drill]]:
    """Group drills by what they run on, so that each system is started once."""
    return {stage: found for stage in Stage if (found := [drill for drill in drills if drill.stage is stage])}
