"""Which vendors and models get a name of their own in the metrics: the most frequent ones. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

OTHER = "other"
UNKNOWN = "unknown"
"""Of stations that have not booted yet, or told an empty name."""
MOST_NAMED = 50
"""Pairs of vendor and model."""
MOST_KEPT = 10_000
"""Kept while counting: stations may tell as many names as there are stations."""
_LONGEST = 50

Kind = tuple[str, str, str]
"""Vendor, model and protocol."""


class Stations(NamedTuple):
    """How many there are of a kind, and how many of them are connected."""

    known: int
    connected: int


def label(text: str | None) -> str:
    """Return what a station told, as the value of a label."""
    return " ".join((text or "").split())[:_LONGEST] or UNKNOWN


def named(counted: Mapping[Kind, Stations], most: int = MOST_NAMED) -> dict[Kind, Stations]:
    """Return the counts with so many pairs of vendor and model by name, the most frequent ones; the rest is `other`.

    Of pairs that are as frequent the first in the alphabet have a name, so that names do not change by chance.
    """
    totals: dict[tuple[str, str], int] = {(OTHER, OTHER): 0}
    for (vendor, model, _), stations in counted.items():
        totals[vendor, model] = totals.get((vendor, model), 0) + stations.known
    ranked = sorted((pair for pair in totals if pair != (OTHER, OTHER)), key=lambda pair: (-totals[pair], pair))
    kept = set(ranked[:most])
    found: dict[Kind, Stations] = {}
    for (vendor, model, protocol), stations in counted.items():
        add(found, ((vendor, model, protocol) if (vendor, model) in kept else (OTHER, OTHER, protocol)), stations)
    return found


def add(counted: dict[Kind, Stations], kind: Kind, stations: Stations) -> None:
    """Add stations to a count."""
    before = counted.get(kind, Stations(0, 0))
    counted[kind] = Stations(before.known + stations.known, before.connected + stations.connected)


def rows_of(counted: Mapping[Kind, Stations]) -> list[list[str | int]]:
    """Return counts as JSON."""
    return [[*kind, *stations] for kind, stations in sorted(counted.items())]


def counts_of(rows: Iterable[tuple[str, str, str, int, int]]) -> dict[Kind, Stations]:
    """Return the counts of which `rows_of` made this."""
    return {(vendor, model, protocol): Stations(known, connected) for vendor, model, protocol, known, connected in rows}
