"""Which transaction something is about: our id, the station's id, place and time."""

from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

_DIGEST_BYTES = 16
_RUNNING = 8192
"""So many of those that go on are remembered: each event asks again. The most that they take is a few MiB."""


def transaction_key(station_id: str, transaction_id: str, reuse: int = 0) -> str:
    """Our id of a station's transaction: 32 hexadecimal digits, the same for ever.

    Stations' transaction ids are unique only per station (E01.FR.08), and compare without case (identifierString). A
    station that counts from 1 after each boot uses an id again: `reuse` says how often it was used before. A digest
    needs no look-up: whoever has an event knows the row where its id was used first.
    """
    name = f"{len(station_id)}:{station_id}{transaction_id.casefold()}"
    if reuse:
        name += f"\0{reuse}"  # no transaction id holds a NUL
    return blake2b(name.encode(), digest_size=_DIGEST_BYTES).hexdigest()


class Identity(NamedTuple):
    """Which transaction something is about."""

    key: str
    """Our id: `transaction_key`."""
    station_id: str
    transaction_id: str
    """As the station spelled it first; it compares without case."""


@lru_cache(_RUNNING)
def identity_of(station_id: str, transaction_id: str) -> Identity:
    """Which transaction a station means by an id that it uses for the first time."""
    return Identity(transaction_key(station_id, transaction_id), station_id, transaction_id)


class Spot(NamedTuple):
    """Where and when something was measured."""

    station_id: str
    evse_id: int
    at: datetime
