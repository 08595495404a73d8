"""Makes charging schedules: how much power a vehicle may draw, and when.

Pure: from what the vehicle needs and what the station can do. What else limits power, a site for one, lowers `Limits`.
"""

import math
from datetime import datetime
from typing import NamedTuple

from csms_device_mgmt.smart_charging.charging_needs import NOMINAL_V, Needs

LOSSES = 1.1
"""How much more has to be drawn than arrives in the battery, about: what a vehicle needs is what arrives."""
_HOUR_S = 3600
_SOON_S, _LATE_S = 60, 7 * 24 * 3600
"""Before a departure that is nearer there is nothing to spread, and one that is later makes no sense."""
_DECIMALS = 10
"""A limit in amperes has tenths; OCPP allows no more."""


class Limits(NamedTuple):
    """What the station can do at the EVSE. None: it is not known."""

    max_w: float | None = None
    most_periods: int | None = None
    is_in_amperes: bool = False
    """Whether its schedules have amperes of each phase, and no watts."""
    takes_dynamic: bool = False
    """Whether it takes profiles of the kind Dynamic (K01.FR.121)."""


class Period(NamedTuple):
    """A part of a schedule: it holds until the next one begins."""

    start_s: int
    """Seconds since the schedule began."""
    limit: float
    """Watts, or amperes of each phase."""


def made(needs: Needs, limits: Limits, now: datetime) -> tuple[Period, ...] | None:
    """Return a schedule that begins now; None: nothing is known that would limit anything.

    The energy that is needed comes evenly until the departure, so that others can draw as much as possible meanwhile,
    and never with less power than the vehicle charges with at all. A vehicle that stays longer may draw all there is;
    so may one that does not say what it needs, or needs more than can be had.
    """
    most = min((found for found in (needs.max_w, limits.max_w) if found is not None), default=None)
    if most is None:
        return None
    even, stay_s = _even(needs, now)
    least = min(most, max(needs.min_w, even or most))
    powers = [(0, least), *([(stay_s, most)] if least < most else [])]
    room = min(needs.most_periods or len(powers), limits.most_periods or len(powers))
    return tuple(Period(start_s, _limit(power, most, needs, limits)) for start_s, power in powers[:room])


def _even(needs: Needs, now: datetime) -> tuple[float | None, int]:
    """Return the power that is enough, None if that cannot be said, and the seconds until the departure."""
    if needs.energy_wh is None or needs.departure_at is None:
        return None, 0
    stay_s = int((needs.departure_at - now).total_seconds())
    return (needs.energy_wh * LOSSES * _HOUR_S / stay_s, stay_s) if _SOON_S <= stay_s <= _LATE_S else (None, 0)


def _limit(power_w: float, most_w: float, needs: Needs, limits: Limits) -> float:
    """Return a power as the schedule has it, rounded so that it is enough, but not above the most."""
    if not limits.is_in_amperes:
        return float(min(math.ceil(power_w), math.floor(most_w)))
    phase_v = NOMINAL_V * needs.phases
    enough = math.ceil(power_w / phase_v * _DECIMALS) / _DECIMALS
    return min(enough, math.floor(most_w / phase_v * _DECIMALS) / _DECIMALS)
