"""How thorough a run of the benchmarks is."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.systems import Stores


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes and lengths. `stores` is None where Kafka and PostgreSQL cannot run: distributed figures are left out."""

    seconds: float
    """Length of one closed-loop run."""
    rounds: int
    """Runs of which the median counts."""
    connected: int
    active: int
    fleet: int
    """Stations of the large fleet."""
    stored_events: int
    """Events in the full database."""
    commands: int
    """Stations that get a command at the same time."""
    idle_seconds: float
    stores: Stores | None
    say: Callable[[str], None]
    """Shows progress."""
