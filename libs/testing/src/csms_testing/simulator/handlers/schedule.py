"""What charging profiles say about a moment, and the composite schedule made of such moments (K01, K08)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from csms_testing.simulator.frames import Json

Profiles: TypeAlias = Mapping[tuple[int, int], Json]
_WATTS_PER_AMPERE_AND_PHASE = 230
_PERIODS = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


def is_valid(profile: Json) -> bool:
    """K01.FR.31, .35, .40, .41: periods start at 0 and rise; startSchedule unless Relative."""
    relative = profile["chargingProfileKind"] == "Relative"
    for part in profile["chargingSchedule"]:
        starts = [period["startPeriod"] for period in part["chargingSchedulePeriod"]]
        rising = all(earlier < later for earlier, later in pairwise(starts))
        if starts[0] != 0 or not rising or relative == ("startSchedule" in part):
            return False
    return True


def composite(profiles: Profiles, evse_id: int, duration: int, unit: str, hardware_w: float) -> list[Json]:
    """The ChargingSchedulePeriods from now on; limits have at most one decimal."""
    now = datetime.now(UTC)
    relevant = [profile for (place, _), profile in profiles.items() if place in (0, evse_id)]
    moments = sorted({0, *(at for profile in relevant for at in _changes(profile, now) if 0 < at < duration)})
    periods: list[Json] = []
    for at in moments:
        watts = _limit(relevant, now + timedelta(seconds=at), now, hardware_w)
        limit = round(watts if unit == "W" else watts / (_WATTS_PER_AMPERE_AND_PHASE * 3), 1)
        if not periods or periods[-1]["limit"] != limit:
            periods.append({"startPeriod": at, "limit": limit})
    return periods


def _limit(profiles: list[Json], moment: datetime, now: datetime, hardware_w: float) -> float:
    """The least of what the purposes allow; within a purpose the highest stack level decides (K01.FR.08)."""
    strongest: dict[str, tuple[int, float]] = {}
    for profile in profiles:
        limit = _limit_of(profile, moment, now)
        # a TxProfile takes the place of the TxDefaultProfile (K01.FR.15)
        tx = profile["chargingProfilePurpose"] == "TxProfile"
        purpose = "TxDefaultProfile" if tx else profile["chargingProfilePurpose"]
        rank = profile["stackLevel"] + (1000 if tx else 0)
        if limit is not None and rank >= strongest.get(purpose, (-1, 0.0))[0]:
            strongest[purpose] = (rank, limit)
    return min([hardware_w, *(limit for _, limit in strongest.values())])


def _limit_of(profile: Json, moment: datetime, now: datetime) -> float | None:
    if not _valid_at(profile, moment):
        return None
    part = profile["chargingSchedule"][0]
    offset = (moment - _start(profile, part, now)).total_seconds()
    if offset < 0 or offset >= part.get("duration", float("inf")):
        return None
    period = [found for found in part["chargingSchedulePeriod"] if found["startPeriod"] <= offset][-1]
    if part["chargingRateUnit"] == "W":
        return float(period["limit"])
    return float(period["limit"]) * _WATTS_PER_AMPERE_AND_PHASE * int(period.get("numberPhases", 3))


def _valid_at(profile: Json, moment: datetime) -> bool:
    begins = profile.get("validFrom")
    ends = profile.get("validTo")
    return (begins is None or _moment(begins) <= moment) and (ends is None or moment < _moment(ends))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _start(profile: Json, part: Json, now: datetime) -> datetime:
    """When the schedule's periods count from; Relative ones from now, as if charging had just begun."""
    if "startSchedule" not in part:
        return now
    start = _moment(part["startSchedule"])
    period = _PERIODS.get(profile.get("recurrencyKind", ""))
    if profile["chargingProfileKind"] == "Recurring" and period is not None and start < now:
        start += period * ((now - start) // period)
    return start


def _changes(profile: Json, now: datetime) -> list[int]:
    """Seconds from now at which this profile's limit may change."""
    part = profile["chargingSchedule"][0]
    start = _start(profile, part, now)
    ends = [part["duration"]] if "duration" in part else []
    offsets = [period["startPeriod"] for period in part["chargingSchedulePeriod"]] + ends
    moments = [start + timedelta(seconds=offset) for offset in offsets]
    moments += [_moment(profile[name]) for name in ("validFrom", "validTo") if name in profile]
    return [round((moment - now).total_seconds()) for moment in moments]
