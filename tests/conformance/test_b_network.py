"""Block B, network profiles and the choice of the subprotocol."""

import pytest
from csms_testing.conformance.states import booted

BAD_REQUEST = 400


def profile(url: str, **fields) -> dict:
    data = {
        "messageTimeout": 30,
        "ocppCsmsUrl": url,
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "ocppVersion": "OCPP20",
        "securityProfile": 1,
    }
    return {"configurationSlot": 1, "connectionData": {**data, **fields}}


async def test_tc_b_42_csms(station, operator, station_id, system):
    payload = profile(system.ocpp_urls[0])
    async with operator.calling(station_id, "SetNetworkProfile", payload) as pending:
        assert await station.reply("SetNetworkProfile", {"status": "Accepted"}) == payload
    assert pending.response == {"status": "Accepted"}
    await station.expect_nothing()


@pytest.mark.parametrize("status", ["Failed", "Rejected"])
async def test_tc_b_44_csms(station, operator, station_id, system, status):
    async with operator.calling(station_id, "SetNetworkProfile", profile(system.ocpp_urls[0])) as pending:
        await station.reply("SetNetworkProfile", {"status": status, "statusInfo": {"reasonCode": "InvalidNetworkConf"}})
    assert pending.response["status"] == status
    await station.expect_nothing()


async def test_tc_b_58_csms(connect):
    (spoken,) = connect.protocols
    assert await connect.refused(protocols=("ocpp0.1",)) == BAD_REQUEST
    connect.protocols = ("ocpp0.1", spoken)
    async with connect() as station:
        assert station.protocol == spoken
        await booted(station)


async def test_tc_b_58_csms_no_subprotocol_offered(connect):
    assert await connect.refused(protocols=()) == BAD_REQUEST
