"""Block K, cases about charging profiles and external limits that Part 6 has beyond the profiles."""

from csms_testing.conformance import Transaction

PERIOD = {"startPeriod": 0, "limit": 7.0, "numberPhases": 1}


def schedule(**changes):
    return {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [PERIOD], **changes}


def profile(purpose, **changes):
    whole = {"id": 100, "stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Relative"}
    return {**whole, "chargingSchedule": [schedule()], **changes}


async def test_tc_k_02_csms(operator, station, station_id):
    request = {"evseId": 1, "chargingProfile": profile("TxProfile", transactionId="not-ongoing")}
    async with operator.calling(station_id, "SetChargingProfile", request) as pending:
        assert await station.reply("SetChargingProfile", {"status": "Rejected"}) == request
    assert pending.response == {"status": "Rejected"}
    assert "startSchedule" not in request["chargingProfile"]["chargingSchedule"][0]
    await station.expect_nothing()


async def test_tc_k_48_csms(operator, station, station_id):
    request = {
        "chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": False},
        "chargingSchedule": [schedule()],
    }
    assert await station.call("NotifyChargingLimit", request) == {}
    (item,) = await operator.items(f"/stations/{station_id}/notifications", action="NotifyChargingLimit")
    assert item["payload"] == request
    await station.expect_nothing()


async def test_tc_k_50_csms(operator, station, station_id):
    assert await station.call("ClearedChargingLimit", {"chargingLimitSource": "EMS"}) == {}
    (item,) = await operator.items(f"/stations/{station_id}/notifications", action="ClearedChargingLimit")
    assert item["payload"] == {"chargingLimitSource": "EMS"}


async def test_tc_k_51_csms(operator, station, station_id, tokens):
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    assert await station.call("ClearedChargingLimit", {"chargingLimitSource": "EMS", "evseId": 1}) == {}
    assert await transaction.event("Updated", "ChargingRateChanged") == {}
    (shown,) = await operator.items("/transactions", station_id=station_id)
    assert shown["transaction_id"] == transaction.transaction_id
    await station.expect_nothing()


async def test_tc_k_52_csms(operator, station, station_id):
    asked = {"requestId": 41, "chargingProfile": {"chargingProfilePurpose": "ChargingStationExternalConstraints"}}
    async with operator.calling(station_id, "GetChargingProfiles", asked) as pending:
        assert await station.reply("GetChargingProfiles", {"status": "Accepted"}) == asked
    assert pending.response == {"status": "Accepted"}
    reported = profile("ChargingStationExternalConstraints", chargingProfileKind="Absolute")
    part = {"requestId": 41, "chargingLimitSource": "EMS", "evseId": 0, "chargingProfile": [reported], "tbc": True}
    last = {**part, "evseId": 1, "tbc": False}
    for each in (part, part, last):  # one of them again
        assert await station.call("ReportChargingProfiles", each) == {}
    shown = await operator.get(f"/stations/{station_id}/charging-profile-reports/41")
    assert shown["status"] == "complete"
    assert shown["entries"] == [
        {"evseId": evse_id, "chargingLimitSource": "EMS", "chargingProfile": reported} for evse_id in (0, 1)
    ]
