"""OCPP 1.6: commands while a transaction goes on, cases TC_014, TC_018_1, TC_046, TC_053, TC_057."""

import pytest
from csms_testing.conformance.v16 import authorize, boot, status
from csms_testing.conformance.v16_session import Session

LATER = "2099-01-01T00:00:00Z"
ACCEPTED = {"status": "Accepted"}


@pytest.fixture
def session(station, tokens):
    return Session(station, tokens.valid)


async def send(session, operator, action, payload, answer):
    """The operator sends a message; the station gets exactly that."""
    async with operator.calling(session.station.station_id, action, payload) as pending:
        assert await session.station.reply(action, answer) == payload
    assert pending.response == answer


async def ended(session, operator, reason):
    shown = await session.shown(operator)
    assert (shown["state"], shown["stopped_reason"]) == ("Ended", reason)


async def test_tc_014_csms(session, connect, operator):
    await session.start()
    await session.statuses("Charging")
    await send(session, operator, "Reset", {"type": "Soft"}, ACCEPTED)
    assert await session.stop("SoftReset") == {}
    await session.statuses("Finishing")
    await session.station.socket.close()
    async with connect() as again:
        assert (await boot(again))["status"] == "Accepted"
        await status(again, "Available", 0)
        await ended(session, operator, "SoftReset")
    assert (await operator.station(session.station.station_id))["pending_reset"] is None


async def test_tc_018_1_csms(session, operator):
    await session.start()
    await session.statuses("Charging")
    await send(session, operator, "UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"})
    assert await session.stop("UnlockCommand") == {}
    await session.statuses("Finishing", "Available")
    await ended(session, operator, "UnlockCommand")


async def test_tc_046_csms(session, operator):
    reservation = {"connectorId": 1, "expiryDate": LATER, "idTag": session.id_tag, "reservationId": 7}
    await send(session, operator, "ReserveNow", reservation, ACCEPTED)
    await session.statuses("Reserved")
    assert (await session.start(reservationId=7))["status"] == "Accepted"
    await session.statuses("Charging")
    assert (await session.shown(operator))["reservation_id"] == 7


async def test_tc_053_csms(session, operator, tokens):
    reservation = {"connectorId": 1, "expiryDate": LATER, "idTag": tokens.valid_2, "reservationId": 8}
    await send(session, operator, "ReserveNow", reservation | {"parentIdTag": tokens.group}, ACCEPTED)
    await session.statuses("Reserved")
    info = await authorize(session.station, session.id_tag)
    assert info == {"status": "Accepted", "parentIdTag": tokens.group}, "another one of the group"
    assert (await session.start(reservationId=8))["status"] == "Accepted"
    assert (await session.shown(operator))["reservation_id"] == 8


async def test_tc_057_csms(session, operator):
    await session.start()
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "transactionId": session.transaction_id,
        "chargingSchedule": schedule,
    }
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    await send(session, operator, "SetChargingProfile", payload, ACCEPTED)
