"""OCPP 1.6, commands while a transaction runs: TC_014, TC_018_1, TC_046, TC_053, TC_057, and TC_074."""

import pytest
from csms_testing.conformance.station import now
from csms_testing.conformance.v16 import authorize, booted, status

ACCEPTED = {"status": "Accepted"}
LATER = "2099-01-01T00:00:00Z"


@pytest.fixture
async def charging(station, tokens):
    """A transaction on connector 1 of the station; returns its id."""
    await status(station, "Preparing")
    assert (await authorize(station, tokens.valid))["status"] == "Accepted"
    started = await station.call("StartTransaction", _start(tokens.valid))
    assert started["idTagInfo"]["status"] == "Accepted"
    await status(station, "Charging")
    return started["transactionId"]


def _start(id_tag, **more):
    return {"connectorId": 1, "idTag": id_tag, "meterStart": 0, "timestamp": now(), **more}


async def _stop(station, transaction_id, reason):
    request = {"transactionId": transaction_id, "meterStop": 1000, "timestamp": now(), "reason": reason}
    await station.call("StopTransaction", request)


async def test_tc_014_csms(operator, connect, station, station_id, charging):
    async with operator.calling(station_id, "Reset", {"type": "Soft"}) as pending:
        assert await station.reply("Reset", ACCEPTED) == {"type": "Soft"}
    assert pending.response == ACCEPTED
    await _stop(station, charging, "SoftReset")
    await station.socket.close()
    async with connect() as again:
        await booted(again, connectors=(1, 2))
    assert (await operator.station(station_id))["pending_reset"] is None


async def test_tc_018_1_csms(operator, station, station_id, charging):
    async with operator.calling(station_id, "UnlockConnector", {"connectorId": 1}) as pending:
        assert await station.reply("UnlockConnector", {"status": "Unlocked"}) == {"connectorId": 1}
    assert pending.response == {"status": "Unlocked"}
    await _stop(station, charging, "UnlockCommand")
    await status(station, "Finishing")
    await station.expect_nothing()


async def test_tc_046_csms(operator, station, station_id, tokens):
    request = {"connectorId": 1, "expiryDate": LATER, "idTag": tokens.valid, "reservationId": 7}
    async with operator.calling(station_id, "ReserveNow", request):
        assert await station.reply("ReserveNow", ACCEPTED) == request
    await status(station, "Reserved")
    started = await station.call("StartTransaction", _start(tokens.valid, reservationId=7))
    assert started["idTagInfo"]["status"] == "Accepted"
    assert started["transactionId"] > 0


async def test_tc_053_csms(operator, station, station_id, tokens):
    request = {
        "connectorId": 1,
        "expiryDate": LATER,
        "idTag": tokens.valid,
        "parentIdTag": tokens.group,
        "reservationId": 8,
    }
    async with operator.calling(station_id, "ReserveNow", request):
        assert await station.reply("ReserveNow", ACCEPTED) == request
    info = await authorize(station, tokens.valid_2)
    assert (info["status"], info["parentIdTag"]) == ("Accepted", tokens.group)
    started = await station.call("StartTransaction", _start(tokens.valid_2, reservationId=8))
    assert started["idTagInfo"]["status"] == "Accepted"


async def test_tc_057_csms(operator, station, station_id, charging):
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}]}
    profile = {
        "chargingProfileId": 5,
        "transactionId": charging,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }
    request = {"connectorId": 1, "csChargingProfiles": profile}
    async with operator.calling(station_id, "SetChargingProfile", request) as pending:
        assert await station.reply("SetChargingProfile", ACCEPTED) == request
    assert pending.response == ACCEPTED
