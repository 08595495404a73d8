"""What a connection record changes. The newest one of a station wins; (epoch, connection id) is its owner token."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Known:
    """The connection a station's row holds."""

    is_open: bool
    slot: int
    epoch: int
    connection_id: str
    offset: int
    """Where on its partition the record stood that made the row so."""
    produced_at_ms: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A connection record as it was read."""

    is_open: bool
    slot: int
    epoch: int
    connection_id: str
    offset: int
    produced_at_ms: int
    refresh: bool = False
    """An OPEN that was said before; it replaces no other open connection."""


class Change(Enum):
    """What to do about a record."""

    NOTHING = "nothing"
    OPENED = "opened"
    SUPERSEDED = "superseded"
    """Opened while another connection was open."""
    CLOSED = "closed"


def change(known: Known | None, seen: Seen) -> Change:
    """Decide what a record changes.

    The order on the bus counts, not the gateways' clocks. A record read again must not revive an old connection; after
    a restart the in-process bus counts offsets from 0 again, therefore the offset alone does not show a repeat.
    """
    if known and seen.offset <= known.offset and seen.produced_at_ms <= known.produced_at_ms:
        return Change.NOTHING
    same = known is not None and (known.epoch, known.connection_id) == (seen.epoch, seen.connection_id)
    if seen.is_open:
        if same or (seen.refresh and known and known.is_open):
            return Change.NOTHING
        return Change.SUPERSEDED if known and known.is_open else Change.OPENED
    return Change.CLOSED if same and known and known.is_open else Change.NOTHING


def must_be_told(known: Known, seen: Seen) -> bool:
    """Whether the gateway of a superseded connection must be told to close it.

    A gateway replaces its own connections itself, and a later process on the same slot means the earlier one is gone.
    """
    return known.slot != seen.slot
