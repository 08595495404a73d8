"""OCPP 1.6: remote start and stop, cases TC_010 to TC_012, TC_026, TC_028, TC_059."""

import pytest
from csms_testing.conformance.tokens import id_token
from csms_testing.conformance.v16 import authorize
from csms_testing.conformance.v16_session import Session

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}]}
PROFILE = {
    "id": 5,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [{"id": 1, **SCHEDULE}],
}


@pytest.fixture
def session(station, tokens):
    return Session(station, tokens.valid)


async def remote_start(session, operator, answer, **body):
    """The operator starts; return the request and the id that the API gave it."""
    path = f"/stations/{session.station.station_id}/remote-start"
    async with operator.posting(path, {"id_token": id_token(session.id_tag), **body}) as pending:
        request = await session.station.reply("RemoteStartTransaction", answer)
    assert (pending.response, pending.body["action"]) == (answer, "RemoteStartTransaction")
    return request, pending.body["remote_start_id"]


async def remote_stop(session, operator, answer):
    shown = await session.shown(operator)
    async with operator.posting(f"/transactions/{shown['id']}/remote-stop") as pending:
        request = await session.station.reply("RemoteStopTransaction", answer)
    assert request == {"transactionId": session.transaction_id}
    assert pending.response == answer


async def test_tc_010_csms(session, operator):
    await session.statuses("Preparing")
    request, start_id = await remote_start(session, operator, ACCEPTED, evse_id=1)
    assert request == {"idTag": session.id_tag, "connectorId": 1}
    assert (await authorize(session.station, session.id_tag))["status"] == "Accepted"
    assert (await session.start())["status"] == "Accepted"
    await session.statuses("Charging")
    assert (await session.shown(operator))["remote_start_id"] == start_id


async def test_tc_011_1_csms(session, operator):
    request, start_id = await remote_start(session, operator, ACCEPTED)
    assert request == {"idTag": session.id_tag}
    assert (await authorize(session.station, session.id_tag))["status"] == "Accepted"
    await session.statuses("Preparing")
    assert (await session.start())["status"] == "Accepted"
    await session.statuses("Charging")
    assert (await session.shown(operator))["remote_start_id"] == start_id


async def test_tc_011_2_csms(session, operator, station_id):
    await remote_start(session, operator, ACCEPTED, evse_id=1)
    assert (await authorize(session.station, session.id_tag))["status"] == "Accepted"
    await session.statuses("Preparing", "Available")
    assert await operator.items("/transactions", station_id=station_id) == []


async def test_tc_012_csms(session, operator):
    await session.start()
    await session.statuses("Charging")
    await remote_stop(session, operator, ACCEPTED)
    await session.stop("Remote")
    await session.statuses("Finishing", "Available")
    shown = await session.shown(operator)
    assert (shown["state"], shown["stopped_reason"]) == ("Ended", "Remote")


async def test_tc_026_csms(session, operator, station_id):
    await remote_start(session, operator, REJECTED, evse_id=1)
    assert await operator.items("/transactions", station_id=station_id) == []


async def test_tc_028_csms(session, operator):
    await session.start()
    await remote_stop(session, operator, REJECTED)
    assert (await session.shown(operator))["state"] == "Active"


async def test_tc_059_csms(session, operator):
    request, _ = await remote_start(session, operator, ACCEPTED, evse_id=1, charging_profile=PROFILE)
    profile = request["chargingProfile"]
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert profile["chargingSchedule"] == SCHEDULE
    assert "transactionId" not in profile
    assert (await session.start())["status"] == "Accepted"


async def test_what_1_6_can_not_do_is_said(session, operator):
    body = {"id_token": id_token(session.id_tag), "group_id_token": id_token("GROUP", "Central")}
    async with operator.posting(f"/stations/{session.station.station_id}/remote-start", body) as pending:
        pass
    assert pending.http_status == 422
    assert [error["pointer"] for error in pending.body["errors"]] == ["/group_id_token"]
