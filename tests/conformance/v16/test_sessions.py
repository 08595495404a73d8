"""OCPP 1.6: charging sessions, cases TC_003 to TC_007, TC_032 to TC_039."""

import pytest
from csms_testing.conformance.v16 import authorize, boot, status
from csms_testing.conformance.v16_session import Session

ACCEPTED = "Accepted"


@pytest.fixture
def session(station, tokens):
    return Session(station, tokens.valid)


async def whole(session, operator, reason, energy_wh):
    """What is shown of a session that ended well."""
    shown = await session.shown(operator)
    assert (shown["state"], shown["stopped_reason"], shown["energy_wh"]) == ("Ended", reason, energy_wh)
    assert (shown["energy_quality"], shown["id_token"]) == ("measured", session.id_tag)


async def test_tc_003_csms(session, operator, tokens):
    await session.statuses("Preparing")
    info = await authorize(session.station, session.id_tag)
    assert info == {"status": ACCEPTED, "parentIdTag": tokens.group}
    assert (await session.start())["status"] == ACCEPTED
    await session.statuses("Charging")
    await session.charge()
    answer = await session.stop("Local", session.id_tag)
    assert answer["idTagInfo"]["status"] == ACCEPTED
    await session.statuses("Finishing", "Available")
    await whole(session, operator, "Local", 500)


async def test_tc_003_csms_ids_are_unique(session, tokens):
    other = Session(session.station, tokens.valid_2, connector_id=2)
    assert (await session.start())["status"] == (await other.start())["status"] == ACCEPTED
    assert session.transaction_id != other.transaction_id


async def test_tc_003_csms_a_member_of_the_group_stops_it(session, tokens):
    await session.start()
    answer = await session.stop("Local", tokens.valid_2)
    assert answer == {"idTagInfo": {"status": ACCEPTED, "parentIdTag": tokens.group}}


async def test_tc_004_1_csms(session, operator):
    assert (await authorize(session.station, session.id_tag))["status"] == ACCEPTED
    await session.statuses("Preparing")
    assert (await session.start())["status"] == ACCEPTED
    await session.statuses("Charging")
    await session.charge()
    await session.stop("Local", session.id_tag)
    await session.statuses("Finishing", "Available")
    await whole(session, operator, "Local", 500)


async def test_tc_004_2_csms(session, operator, station_id):
    assert (await authorize(session.station, session.id_tag))["status"] == ACCEPTED
    await session.statuses("Preparing", "Available")
    assert await operator.items("/transactions", station_id=station_id) == []


async def test_tc_005_1_csms(session, operator):
    assert (await authorize(session.station, session.id_tag))["status"] == ACCEPTED
    await session.start()
    await session.statuses("Charging")
    await session.charge()
    await session.statuses("SuspendedEV")
    assert await session.stop("EVDisconnected") == {}, "no idTag, no idTagInfo"
    await session.statuses("Finishing", "Available")
    await whole(session, operator, "EVDisconnected", 500)


async def test_tc_007_csms(session, operator):
    await session.statuses("Preparing")
    assert (await session.start())["status"] == ACCEPTED, "the station knew the idTag: no Authorize came before"
    await session.statuses("Charging")
    await session.stop("Local", session.id_tag)
    await whole(session, operator, "Local", 0)


async def test_tc_032_1_csms(connect, operator, tokens):
    async with connect() as station:
        session = Session(station, tokens.valid)
        await boot(station)
        await session.start()
        await session.charge()
    async with connect() as station:
        session.station = station
        assert (await boot(station))["status"] == ACCEPTED
        await status(station, "Available", 0)
        assert await session.stop("PowerLoss") == {}
        await session.statuses("Finishing")
        await whole(session, operator, "PowerLoss", 500)


async def test_tc_037_1_csms(session):
    session.ago_s = 300
    assert (await session.start())["status"] == ACCEPTED


async def test_tc_037_3_csms(session, operator, tokens):
    session.id_tag, session.ago_s = tokens.unknown, 300
    assert (await session.start())["status"] == "Invalid"
    session.ago_s = 0
    assert await session.stop("DeAuthorized") == {}
    shown = await session.shown(operator)
    assert (shown["state"], shown["stopped_reason"]) == ("Ended", "DeAuthorized")


async def test_tc_039_csms(session, operator):
    session.ago_s = 7200
    assert (await session.start())["status"] == ACCEPTED
    session.meter, session.ago_s = 1800, 3600
    assert (await session.stop("Local", session.id_tag))["idTagInfo"]["status"] == ACCEPTED
    await whole(session, operator, "Local", 800)
    shown = await session.shown(operator)
    assert shown["started_at"][:19] == session.started["timestamp"][:19]


async def test_tc_039_csms_what_is_told_again_gets_the_same_id(session):
    session.ago_s = 7200
    await session.start()
    first = session.transaction_id
    again = await session.station.call("StartTransaction", session.started)
    assert again["transactionId"] == first


@pytest.mark.parametrize("transaction_id", [-1, 0, 4711])
async def test_a_stop_with_an_id_that_was_never_given_is_answered(session, transaction_id):
    session.transaction_id = transaction_id
    assert await session.stop("PowerLoss") == {}
