"""Rules of charging profiles in OCPP 1.6 (3.13, 5.5, 5.16, 7.8, 7.13)."""

from collections.abc import Iterator
from itertools import pairwise

from csms_ocpp.rules.finding import Finding, JsonObject
from csms_ocpp.rules.periods import is_reversed

_MAX = "ChargePointMaxProfile"
_TX = "TxProfile"


def set_charging_profile(payload: JsonObject) -> Iterator[Finding]:
    """3.13.1: which purpose may be set where; a TxProfile belongs to the transaction of a connector."""
    profile, connector_id = payload["csChargingProfiles"], payload["connectorId"]
    purpose = profile["chargingProfilePurpose"]
    if connector_id < 0:
        yield Finding("/connectorId", "it must be at least 0 (6.43)")
    elif purpose == _MAX and connector_id != 0:
        yield Finding("/connectorId", "a ChargePointMaxProfile is set on connector 0 (3.13.1)")
    elif purpose == _TX and connector_id == 0:
        yield Finding("/connectorId", "a TxProfile is set on a connector above 0 (3.13.1)")
    yield from _profile(profile, "/csChargingProfiles")


def remote_start_profile(profile: JsonObject) -> Iterator[Finding]:
    """5.11: what comes with a remote start is a TxProfile of a transaction that has no id yet."""
    if profile["chargingProfilePurpose"] != _TX:
        yield Finding("/chargingProfile/chargingProfilePurpose", "only a TxProfile may come along (5.11)")
    if "transactionId" in profile:
        yield Finding("/chargingProfile/transactionId", "there is no transactionId yet (5.11)")
    yield from _profile(profile, "/chargingProfile")


def clear_charging_profile(payload: JsonObject) -> Iterator[Finding]:
    """6.13: with an id all other fields are ignored, so that they would promise what is not done."""
    others = payload.keys() - {"id"}
    if "id" in payload and others:
        yield Finding("/id", "with an id the station ignores all other fields (6.13)")
    if payload.get("connectorId", 0) < 0:
        yield Finding("/connectorId", "it must be at least 0 (6.13)")


def _profile(profile: JsonObject, pointer: str) -> Iterator[Finding]:
    purpose, kind = profile["chargingProfilePurpose"], profile["chargingProfileKind"]
    schedule = profile["chargingSchedule"]
    if profile["stackLevel"] < 0:
        yield Finding(f"{pointer}/stackLevel", "it must be at least 0 (7.8)")
    if "transactionId" in profile and purpose != _TX:
        yield Finding(f"{pointer}/transactionId", "only a TxProfile has one (7.8)")
    if kind == "Recurring" and "recurrencyKind" not in profile:
        yield Finding(f"{pointer}/recurrencyKind", "a Recurring profile says how it recurs (7.8)")
    if is_reversed(profile, "validFrom", "validTo"):
        yield Finding(f"{pointer}/validFrom", "it comes after validTo (7.8)")
    if kind != "Relative" and "startSchedule" not in schedule:
        yield Finding(f"{pointer}/chargingSchedule/startSchedule", f"an {kind} profile needs it (7.13)")
    yield from _periods(schedule, f"{pointer}/chargingSchedule")


def _periods(schedule: JsonObject, pointer: str) -> Iterator[Finding]:
    starts = [period["startPeriod"] for period in schedule["chargingSchedulePeriod"]]
    if not starts:
        yield Finding(f"{pointer}/chargingSchedulePeriod", "a schedule has a period at least (7.13)")
    elif starts[0] != 0:
        yield Finding(f"{pointer}/chargingSchedulePeriod/0/startPeriod", "the first period starts at 0 (7.14)")
    for index, (before, after) in enumerate(pairwise(starts), start=1):
        if after <= before:
            where = f"{pointer}/chargingSchedulePeriod/{index}/startPeriod"
            yield Finding(where, "periods are in order of startPeriod (7.13)")
