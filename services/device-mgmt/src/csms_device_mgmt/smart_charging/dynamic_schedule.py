"""Charging profiles whose limits change while they are in use (K28, OCPP 2.1)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_LIMIT = 2**31


class ScheduleChange(NamedTuple):
    """What a command that the station took says of a dynamic profile."""

    profile_id: int
    update: Mapping[str, Any] | None
    """The limits and setpoints that hold now, as OCPP's ChargingScheduleUpdateType; None: it is no dynamic profile."""


def is_id(number: float) -> bool:
    """Whether a number can be the id of a profile: OCPP's integers have 32 bits, JSON Schema knows no size."""
    return -_LIMIT <= number < _LIMIT
