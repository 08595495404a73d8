"""OCPP 2.1, vehicles with ISO 15118: what they need is answered, and a schedule for it follows."""

from datetime import UTC, datetime, timedelta

import pytest
from csms_ocpp.times import format_datetime, parse_datetime
from csms_testing.conformance import Transaction
from csms_testing.conformance.station import now

MOST_W = 11_000
POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
MAX_EXTERNAL = {
    "component": {"name": "SmartChargingCtrlr"},
    "variable": {"name": "MaxExternalConstraintsId"},
}


def reported(named, value, **characteristics):
    what = {"dataType": "decimal", "supportsMonitoring": False, **characteristics}
    return {**named, "variableAttribute": [{"value": value}], "variableCharacteristics": what}


@pytest.fixture
def charges(operator, station, station_id, tokens):
    """The station says what it can, its vehicles get schedules, and one is charging."""

    async def begin(*more, **configured):
        await operator.put_station(station_id, charging_schedules=True, **configured)
        can = [
            reported(POWER, "0", unit="W", maxLimit=MOST_W),
            reported(MAX_EXTERNAL, "100", dataType="integer"),
            *more,
        ]
        report = {"requestId": 77, "generatedAt": now(), "seqNo": 0, "reportData": can}
        assert await station.call("NotifyReport", report) == {}
        transaction = Transaction(station, tokens.valid)
        await transaction.energy_transfer_started()
        return transaction

    return begin


def needs(*, hours=4, energy_wh=20_000, mode="DynamicControl", transfer="DC", **fields):
    departure = format_datetime(datetime.now(UTC) + timedelta(hours=hours))
    vehicle = {"minChargePower": 1400, "maxChargePower": 22_000, "evTargetEnergyRequest": energy_wh}
    told = {"requestedEnergyTransfer": transfer, "controlMode": mode, "departureTime": departure, **fields}
    return {"evseId": 1, "maxScheduleTuples": 12, "chargingNeeds": {**told, "v2xChargingParameters": vehicle}}


async def scheduled(operator, station, transaction, told, kind="Absolute"):
    """The station tells what its vehicle needs, and gets a profile for it; returns the schedule."""
    began = datetime.now(UTC)
    assert await station.call("NotifyEVChargingNeeds", told) == {"status": "Accepted"}
    request = await station.reply("SetChargingProfile", {"status": "Accepted"})
    assert datetime.now(UTC) - began < timedelta(seconds=60)
    profile = request["chargingProfile"]
    assert (request["evseId"], profile["chargingProfilePurpose"]) == (1, "TxProfile")
    assert profile["transactionId"] == transaction.transaction_id
    assert profile["chargingProfileKind"] == kind
    assert profile["id"] > 100
    (schedule,) = profile["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "W"
    periods = schedule["chargingSchedulePeriod"]
    assert len(periods) <= told["maxScheduleTuples"]
    assert all(1400 <= period["limit"] <= MOST_W for period in periods)
    assert all(period.keys() == {"startPeriod", "limit"} for period in periods), "it only charges (Q02.FR.02)"

    async def shown():
        calls = await operator.items(f"/stations/{station.station_id}/calls")
        return next((call for call in calls if call["request"] == request and call["outcome"] == "result"), None)

    assert (await operator.eventually(shown))["requested_by"] == "smart-charging"
    return profile["id"], schedule


def energy_until(schedule, moment):
    """Return the watt-hours that may be drawn until then."""
    stay_s = (parse_datetime(moment) - parse_datetime(schedule["startSchedule"])).total_seconds()
    periods = schedule["chargingSchedulePeriod"]
    ends = [*(period["startPeriod"] for period in periods[1:]), stay_s]
    return sum(
        period["limit"] * max(0, min(end, stay_s) - period["startPeriod"]) / 3600
        for period, end in zip(periods, ends, strict=True)
    )


async def _fits(operator, station, transaction, told, kind="Absolute"):
    found = await scheduled(operator, station, transaction, told, kind)
    wanted = told["chargingNeeds"]
    energy = energy_until(found[1], wanted["departureTime"])
    assert energy >= wanted["v2xChargingParameters"]["evTargetEnergyRequest"]
    return found


async def test_tc_k_109_csms(sends, refused):
    named = {"getVariableResult": [{**MAX_EXTERNAL, "attributeStatus": "Accepted", "attributeValue": "100"}]}
    await sends("GetVariables", {"getVariableData": [MAX_EXTERNAL]}, answer=named)
    period = {"startPeriod": 0, "limit": 7000}
    schedule = {"id": 1, "chargingRateUnit": "W", "startSchedule": now(), "chargingSchedulePeriod": [period]}
    usual = {"stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute"}
    profile = {**usual, "chargingSchedule": [schedule]}
    wrong = {"evseId": 1, "chargingProfile": {"id": 100, **profile}}
    assert await refused("SetChargingProfile", wrong) == ["/chargingProfile/id"]
    await sends("SetChargingProfile", {"evseId": 1, "chargingProfile": {"id": 101, **profile}})


async def test_tc_k_114_csms(operator, station, charges):
    transaction = await charges()
    first = await _fits(operator, station, transaction, needs(mode="ScheduledControl"))
    again = await _fits(operator, station, transaction, needs(mode="ScheduledControl", hours=2, energy_wh=10_000))
    assert again[0] == first[0], "the new profile replaces the first one"
    schedule = {"timeBase": now(), "evseId": 1, "chargingSchedule": again[1], "selectedChargingScheduleId": 1}
    assert await station.call("NotifyEVChargingSchedule", schedule) == {"status": "Accepted"}


async def test_tc_k_115_csms(operator, station, charges):
    dynamic = {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "SupportsDynamicProfiles"}}
    transaction = await charges(reported(dynamic, "true", dataType="boolean"))
    profile_id, schedule = await _fits(operator, station, transaction, needs(), kind="Dynamic")
    (period,) = schedule["chargingSchedulePeriod"]
    assert await transaction.event("Updated", "ChargingRateChanged") == {}
    pulled = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": profile_id})
    assert pulled == {"status": "Accepted", "scheduleUpdate": {"limit": period["limit"]}}


async def test_tc_k_117_csms(operator, station, charges):
    transaction = await charges()
    profile_id, slow = await _fits(operator, station, transaction, needs(hours=8))
    same_id, fast = await _fits(operator, station, transaction, needs(hours=3))
    assert same_id == profile_id
    assert fast["chargingSchedulePeriod"][0]["limit"] > slow["chargingSchedulePeriod"][0]["limit"]


async def test_tc_q_102_csms(operator, station, tokens, charges):
    token = {"idToken": tokens.valid, "type": "ISO14443"}
    assert "allowedEnergyTransfer" not in await station.call("Authorize", {"idToken": token})
    transaction = await charges()
    available = ["AC_three_phase", "AC_BPT"]
    told = needs(transfer="AC_three_phase", availableEnergyTransfer=available)
    await _fits(operator, station, transaction, told)
    await station.expect_nothing()


async def test_tc_q_103_csms(station, charges):
    transaction = await charges(energy_transfers=["AC_three_phase", "DC"])
    assert await station.call("NotifyEVChargingNeeds", needs(transfer="DC_BPT")) == {"status": "Rejected"}
    ended = {"stoppedReason": "ReqEnergyTransferRejected"}
    assert await transaction.event("Ended", "AbnormalCondition", info=ended) == {}
    await station.expect_nothing()
