"""What a connection record changes: the connection of the highest number counts, and closed comes after open.

Each record says of one connection that it is open or closed. The order in which records are read decides nothing:
auth's numbers grow with each connection that a station is allowed, so that whatever is read twice, late or in another
order, the row ends with what is known of the newest connection.

A gateway or auth from before there were numbers sends 0: such records count in the order they are read.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Connection:
    """What is said of a station's connection, by its row or by a record."""

    is_open: bool
    number: int
    slot: int
    epoch: int
    connection_id: str
    refresh: bool = False
    """An OPEN that was said before; it matters only for a record without a number."""


class Change(Enum):
    """What to do about a record."""

    NOTHING = "nothing"
    OUTDATED = "outdated"
    """It says that a connection is open that a newer one has replaced: that one must end."""
    NEWER = "newer"
    """It is about a connection newer than the row's: open, or closed already."""
    CLOSED = "closed"
    """The row's connection has ended."""


def change(known: Connection | None, seen: Connection) -> Change:
    """Decide what a record changes in a row; None: the row knows of no connection."""
    if known is None:
        return Change.NEWER
    if seen.number == 0:
        return _change_in_order(known, seen)
    if seen.number < known.number:
        return Change.OUTDATED if seen.is_open else Change.NOTHING
    if seen.number > known.number:
        return Change.NEWER
    return _end(known, seen)


def _change_in_order(known: Connection, seen: Connection) -> Change:
    if not seen.is_open or _is_same(known, seen):
        return _end(known, seen)
    return Change.NOTHING if seen.refresh and known.is_open else Change.NEWER


def _end(known: Connection, seen: Connection) -> Change:
    return Change.CLOSED if known.is_open and not seen.is_open and _is_same(known, seen) else Change.NOTHING


def _is_same(one: Connection, other: Connection) -> bool:
    return (one.epoch, one.connection_id) == (other.epoch, other.connection_id)


def must_be_told(older: Connection, newer: Connection) -> bool:
    """Whether a gateway must be told to close the older of two connections.

    A gateway replaces its own connections itself, and a later process on the same slot means the earlier one is gone.
    """
    return older.slot != newer.slot
