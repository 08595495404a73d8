"""Writes charging profiles for a transaction (K01, K15.FR.07, K19.FR.07)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from csms_ocpp.times import format_datetime

from csms_device_mgmt.smart_charging.dynamic_schedule import is_id
from csms_device_mgmt.smart_charging.schedules import Limits, Period

FIRST_ID = 1_000_000_000
"""The ids of our own profiles begin above it. Operators choose theirs below."""


class Of(NamedTuple):
    """Which transaction a profile is for."""

    evse_id: int
    transaction_id: str


def own_id(evse_id: int, external: int | None) -> int | None:
    """Return the id of our profile for the transaction at an EVSE: a new one replaces the old one. None: none is left.

    `external`: up to which number ids are the station's own (K01.FR.80); None: it does not say.
    """
    found = max(FIRST_ID, external or 0) + evse_id
    return found if is_id(found) else None


def set_charging_profile(
    of: Of, profile_id: int, periods: Sequence[Period], limits: Limits, begin: datetime, *, is_dynamic: bool = False
) -> dict[str, Any]:
    """Return a SetChargingProfileRequest. It only charges: no period has another operationMode (Q02.FR.01, .02).

    A dynamic profile has the first period alone (K28.FR.01): its limit holds until the profile is updated.
    """
    schedule = {
        "id": 1,
        "chargingRateUnit": "A" if limits.is_in_amperes else "W",
        "startSchedule": format_datetime(begin),
        "chargingSchedulePeriod": [
            {"startPeriod": start_s, "limit": limit} for start_s, limit in periods[: 1 if is_dynamic else None]
        ],
    }
    profile = {
        "id": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Dynamic" if is_dynamic else "Absolute",
        "transactionId": of.transaction_id,
        "chargingSchedule": [schedule],
    }
    return {"evseId": of.evse_id, "chargingProfile": profile}
