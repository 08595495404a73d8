"""Rules of charging profiles (K01, K05, K09)."""

from collections.abc import Iterator
from itertools import pairwise

from csms_ocpp.rules.finding import Finding, JsonObject

STATION_MAX_PURPOSE = "ChargingStationMaxProfile"
EXTERNAL_PURPOSE = "ChargingStationExternalConstraints"
TX_PURPOSE = "TxProfile"


def set_charging_profile(payload: JsonObject) -> Iterator[Finding]:
    """The rules of a profile, and where it may be set."""
    profile, evse_id = payload["chargingProfile"], payload["evseId"]
    purpose = profile["chargingProfilePurpose"]
    if purpose == TX_PURPOSE and evse_id <= 0:
        yield Finding("/evseId", "a TxProfile belongs to an EVSE above 0 (K01.FR.16)")
    if purpose == TX_PURPOSE and "transactionId" not in profile:
        yield Finding("/chargingProfile/transactionId", "a TxProfile needs the transactionId (K01.FR.03)")
    if purpose == STATION_MAX_PURPOSE and evse_id != 0:
        yield Finding("/evseId", "a ChargingStationMaxProfile is set on EVSE 0 (K04.FR.03)")
    if purpose == EXTERNAL_PURPOSE:
        detail = "a CSMS never sets ChargingStationExternalConstraints (K01.FR.22)"
        yield Finding("/chargingProfile/chargingProfilePurpose", detail)
    yield from _profile(profile, "/chargingProfile")


def remote_start_profile(profile: JsonObject) -> Iterator[Finding]:
    """F01.FR.09, F01.FR.11: what comes with a remote start is a TxProfile of a transaction that has no id yet."""
    if profile["chargingProfilePurpose"] != TX_PURPOSE:
        yield Finding("/chargingProfile/chargingProfilePurpose", "only a TxProfile may come along (F01.FR.09)")
    if "transactionId" in profile:
        yield Finding("/chargingProfile/transactionId", "there is no transactionId yet (F01.FR.11)")
    yield from _profile(profile, "/chargingProfile")


def get_charging_profiles(payload: JsonObject) -> Iterator[Finding]:
    """K09.FR.03: the criterion says something: ids, or what profiles have, not both."""
    criterion = payload["chargingProfile"].keys() - {"customData"}
    if not criterion:
        yield Finding("/chargingProfile", "at least one criterion is needed (K09.FR.03)")
    if "chargingProfileId" in criterion and len(criterion) > 1:
        yield Finding("/chargingProfile/chargingProfileId", "ids exclude all other criteria (K09.FR.03)")


def clear_charging_profile(payload: JsonObject) -> Iterator[Finding]:
    """K10.FR.02, K10.FR.06: it says which profiles, and never those of external systems."""
    criterion = payload.get("chargingProfileCriteria", {})
    if "chargingProfileId" not in payload and not criterion.keys() - {"customData"}:
        yield Finding("/chargingProfileCriteria", "a profile's id or a criterion is needed (K10.FR.02)")
    if criterion.get("chargingProfilePurpose") == EXTERNAL_PURPOSE:
        detail = "ChargingStationExternalConstraints are not cleared by a CSMS (K10.FR.06)"
        yield Finding("/chargingProfileCriteria/chargingProfilePurpose", detail)


def _profile(profile: JsonObject, pointer: str) -> Iterator[Finding]:
    kind = profile["chargingProfileKind"]
    if kind == "Relative" and profile["chargingProfilePurpose"] == STATION_MAX_PURPOSE:
        yield Finding(f"{pointer}/chargingProfileKind", "a ChargingStationMaxProfile is never Relative (K01.FR.38)")
    for index, schedule in enumerate(profile["chargingSchedule"]):
        yield from _schedule(schedule, kind, f"{pointer}/chargingSchedule/{index}")


def _schedule(schedule: JsonObject, kind: str, pointer: str) -> Iterator[Finding]:
    if kind in {"Absolute", "Recurring"} and "startSchedule" not in schedule:
        yield Finding(f"{pointer}/startSchedule", f"an {kind} profile needs startSchedule (K01.FR.40)")
    if kind == "Relative" and "startSchedule" in schedule:
        yield Finding(f"{pointer}/startSchedule", "a Relative profile has no startSchedule (K01.FR.41)")
    yield from _periods(schedule["chargingSchedulePeriod"], f"{pointer}/chargingSchedulePeriod")


def _periods(periods: list[JsonObject], pointer: str) -> Iterator[Finding]:
    starts = [period["startPeriod"] for period in periods]
    if starts and starts[0] != 0:
        yield Finding(f"{pointer}/0/startPeriod", "the first period starts at 0 (K01.FR.31)")
    for index, (before, after) in enumerate(pairwise(starts), start=1):
        if after <= before:
            yield Finding(f"{pointer}/{index}/startPeriod", "periods are in order of startPeriod (K01.FR.35)")
    for index, period in enumerate(periods):
        if "phaseToUse" in period and period.get("numberPhases") != 1:
            yield Finding(f"{pointer}/{index}/phaseToUse", "phaseToUse goes with numberPhases 1 (K01.FR.19)")
