"""K01, K08-K10: charging profiles, and the composite schedule they make."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers import schedule
from csms_testing.simulator.handlers.answers import answer, notify, parts
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_SOURCE = "CSO"


def set_charging_profile(station: "Station", request: Json) -> Reply:
    """K01."""
    profile, evse_id = request["chargingProfile"], request["evseId"]
    reason = _objection(station, profile, evse_id)
    if reason is not None:
        return answer("Rejected", reason=reason)
    store(station, evse_id, profile)
    return answer("Accepted")


def store(station: "Station", evse_id: int, profile: Json) -> None:
    """Keep a profile; one with the same id is replaced (K01.FR.05)."""
    profiles = station.features.profiles
    for key in [key for key in profiles if key[1] == profile["id"]]:
        del profiles[key]
    profiles[evse_id, profile["id"]] = profile
    _count(station)


def _count(station: "Station") -> None:
    station.model.write("SmartChargingCtrlr", "Entries", str(len(station.features.profiles)), "ChargingProfiles")


def _objection(station: "Station", profile: Json, evse_id: int) -> str | None:
    """Why a profile is refused, as a reasonCode; None when it is not."""
    purpose = profile["chargingProfilePurpose"]
    if evse_id != 0 and evse_id not in station.evses:
        return "UnknownEvse"
    if purpose == "ChargingStationExternalConstraints":
        return "InvalidProfile"  # K01.FR.22
    if purpose == "ChargingStationMaxProfile" and (evse_id != 0 or profile["chargingProfileKind"] == "Relative"):
        return "InvalidProfile"  # K01.FR.38
    if purpose == "TxProfile":
        return _tx_objection(station, profile, evse_id)
    if not schedule.is_valid(profile):
        return "InvalidSchedule"
    return "DuplicateProfile" if _clashes(station, profile, evse_id) else None


def _tx_objection(station: "Station", profile: Json, evse_id: int) -> str | None:
    evse = station.evses.get(evse_id)
    transaction = evse.transaction if evse else None
    if transaction is None or profile.get("transactionId") != transaction.id:
        return "TxNotFound"  # K01.FR.03, .16, .33
    if not schedule.is_valid(profile):
        return "InvalidSchedule"
    return "DuplicateProfile" if _clashes(station, profile, evse_id) else None


def _clashes(station: "Station", profile: Json, evse_id: int) -> bool:
    """K01.FR.06, .39: same stack level, purpose and place, but another id (validity periods are not compared)."""
    same = ("stackLevel", "chargingProfilePurpose", "transactionId")
    return any(
        place == evse_id and other["id"] != profile["id"] and all(other.get(key) == profile.get(key) for key in same)
        for (place, _), other in station.features.profiles.items()
    )


def fits_remote_start(profile: Json) -> bool:
    """F01.FR.09, .11: a TxProfile without transaction, with a valid schedule."""
    is_tx_profile = profile["chargingProfilePurpose"] == "TxProfile"
    return is_tx_profile and "transactionId" not in profile and schedule.is_valid(profile)


def forget_tx_profiles(station: "Station", evse_id: int) -> None:
    """A TxProfile lives no longer than its transaction (K01.FR.09)."""
    profiles = station.features.profiles
    for key in [key for key, profile in profiles.items() if _is_tx(profile) and key[0] == evse_id]:
        del profiles[key]
        _count(station)


def _is_tx(profile: Json) -> bool:
    return bool(profile["chargingProfilePurpose"] == "TxProfile")


def clear_charging_profile(station: "Station", request: Json) -> Reply:
    """K10: by id, or by criteria."""
    profiles = station.features.profiles
    criteria = request.get("chargingProfileCriteria", {})
    chosen = [
        key
        for key, profile in profiles.items()
        if request.get("chargingProfileId", key[1]) == key[1]
        and criteria.get("evseId", key[0]) == key[0]
        and all(criteria.get(name, profile[name]) == profile[name] for name in ("stackLevel", "chargingProfilePurpose"))
    ]
    for key in chosen:
        del profiles[key]
    _count(station)
    return answer("Accepted" if chosen else "Unknown")


def get_charging_profiles(station: "Station", request: Json) -> Reply:
    """K09."""
    found: dict[int, list[Json]] = {}
    for evse_id, profile in _matching(station, request):
        found.setdefault(evse_id, []).append(profile)
    if not found:
        return answer("NoProfiles")
    return answer("Accepted", lambda: _report(station, request["requestId"], found))


def _matching(station: "Station", request: Json) -> Iterator[tuple[int, Json]]:
    wanted = request["chargingProfile"]
    for (evse_id, profile_id), profile in station.features.profiles.items():
        if (
            request.get("evseId", evse_id) == evse_id
            and profile_id in wanted.get("chargingProfileId", [profile_id])
            and _SOURCE in wanted.get("chargingLimitSource", [_SOURCE])
            and all(
                wanted.get(name, profile[name]) == profile[name] for name in ("stackLevel", "chargingProfilePurpose")
            )
        ):
            yield evse_id, profile


async def _report(station: "Station", request_id: int, found: dict[int, list[Json]]) -> None:
    last = list(found)[-1]
    for evse_id, profiles in found.items():
        for _, more, chunk in parts(profiles, station.config.report_part_size):
            report = {
                "requestId": request_id,
                "chargingLimitSource": _SOURCE,
                "evseId": evse_id,
                "chargingProfile": chunk,
                "tbc": more or evse_id != last,
            }
            await notify(station, "ReportChargingProfiles", report)


def get_composite_schedule(station: "Station", request: Json) -> Reply:
    """K08; evseId 0 is the whole station."""
    evse_id = request["evseId"]
    if evse_id != 0 and evse_id not in station.evses:
        return answer("Rejected", reason="UnknownEvse")
    unit = request.get("chargingRateUnit", "W")
    hardware = station.config.max_power_w * (len(station.evses) if evse_id == 0 else 1)
    periods = schedule.composite(station.features.profiles, evse_id, request["duration"], unit, hardware)
    made = {
        "evseId": evse_id,
        "duration": request["duration"],
        "scheduleStart": timestamp(),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods,
    }
    return answer("Accepted", schedule=made)


def power_limit_w(station: "Station", evse_id: int) -> float:
    """What hardware and profiles allow at this EVSE now."""
    if not station.features.profiles:
        return float(station.config.max_power_w)
    periods = schedule.composite(station.features.profiles, evse_id, 1, "W", station.config.max_power_w)
    return float(periods[0]["limit"])
