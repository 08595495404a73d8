"""One closed-loop measurement with its CPU time, and the median of several."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from bench.fleet import Station
from bench.load import Figures, MakeScript, closed_loop
from bench.systems import Target
from bench.usage import cpu_by_part, per_message_us

WARM_UP_S = 1.0

KAFKA_WARM_UP_S = 30.0
"""A broker that has just started compiles its code while it works, which costs twice what the work does."""


@dataclass(frozen=True, slots=True)
class Run:
    """Figures and CPU microseconds per message, by process."""

    figures: Figures
    cpu_us: dict[str, float]

    @property
    def cpu_total_us(self) -> float:
        """Of all processes of the system."""
        return sum(self.cpu_us.values())


async def run(target: Target, stations: Sequence[Station], script: MakeScript, seconds: float) -> Run:
    """Measure after a warm-up, which also opens the transactions."""
    before = cpu_by_part(target)
    figures = await closed_loop(stations, script, seconds)
    return Run(figures, per_message_us(before, cpu_by_part(target), figures.round_trips))


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Medians of several runs, as JSON."""

    def median(of: Callable[[Run], float]) -> float:
        return round(statistics.median(map(of, runs)), 3)

    return {
        "per_second": median(lambda r: r.figures.per_second),
        "p50_ms": median(lambda r: r.figures.p50_ms),
        "p99_ms": median(lambda r: r.figures.p99_ms),
        "failed": sum(r.figures.failed for r in runs),
        "cpu_us": median(lambda r: r.cpu_total_us),
        "cpu_us_by_process": {name: median(partial(_cpu_of, name)) for name in runs[0].cpu_us},
        "runs": [asdict(r.figures) | {"per_second": r.figures.per_second, "cpu_us": r.cpu_total_us} for r in runs],
    }


def _cpu_of(process: str, one: Run) -> float:
    return one.cpu_us.get(process, 0.0)
