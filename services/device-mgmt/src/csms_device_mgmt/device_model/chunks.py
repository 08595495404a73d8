"""Splitting a list over several messages, so that none exceeds what the station can take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson

T = TypeVar("T")

ENVELOPE_BYTES = 96
"""What surrounds the elements in a CALL, rounded up: `[2,"<36 characters>","SetVariables",{"setVariableData":[]}]`."""


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """A station's ItemsPerMessage and BytesPerMessage of one action; None: no limit known."""

    items: int | None = None
    size: int | None = None


def parse_limit(value: str | None) -> int | None:
    """Read a limit as a station reports it; None when it makes no sense (absent, not a number, below 1)."""
    try:
        number = int(value or "")
    except ValueError:
        return None
    return number if number >= 1 else None


def split(elements: Sequence[T], limits: ChunkLimits) -> list[list[T]]:
    """Split JSON elements into messages, in order, each within the limits (B05.FR.11, B06.FR.05).

    An element that is too large on its own still gets a message: whether it fits is the station's to say.
    """
    chunks: list[list[T]] = []
    room_bytes = 0
    for element in elements:
        size = len(orjson.dumps(element)) + 1
        full = limits.items is not None and bool(chunks) and len(chunks[-1]) >= limits.items
        if not chunks or full or (limits.size is not None and size > room_bytes):
            chunks.append([])
            room_bytes = (limits.size or 0) - ENVELOPE_BYTES
        chunks[-1].append(element)
        room_bytes -= size
    return chunks
