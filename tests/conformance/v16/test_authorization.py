"""OCPP 1.6: Authorize, cases TC_023 and TC_053; the handshake, TC_085."""

import base64

import pytest
from csms_testing.conformance.v16 import authorize, booted
from websockets.exceptions import InvalidStatus

UNAUTHORIZED = 401


async def test_tc_023_1_csms(station, tokens):
    assert await authorize(station, tokens.unknown) == {"status": "Invalid"}


async def test_tc_023_2_csms(station, tokens):
    assert await authorize(station, tokens.expired) == {"status": "Expired"}


async def test_tc_023_3_csms(station, tokens):
    assert await authorize(station, tokens.blocked) == {"status": "Blocked"}


async def test_tc_053_csms_an_id_tag_in_any_case(station, tokens):
    info = {"status": "Accepted", "parentIdTag": tokens.group}
    assert await authorize(station, tokens.valid) == info
    assert await authorize(station, tokens.valid_2.lower()) == info


async def test_tc_085_csms(connect, operator, station_id):
    async with connect() as station:
        await booted(station)
    await operator.put_station(station_id, security_profile=1, password="plain-text-of-20")
    async with connect(password="plain-text-of-20") as station:
        await booted(station)
    assert await connect.refused(password="plain-text-of-21") == UNAUTHORIZED


@pytest.mark.parametrize("user", ["", None])
async def test_tc_085_csms_hexadecimal(connect, operator, station_id, user):
    key = bytes.fromhex("ff00fe01fd02fc03fb04fa05f906f807f708f609")
    await operator.put_station(station_id, security_profile=1, password=key.hex())
    connect.password = None
    name = station_id if user is None else user
    connect.headers = {"Authorization": "Basic " + base64.b64encode(name.encode() + b":" + key).decode()}
    async with connect() as station:
        await booted(station)
    connect.headers = {"Authorization": "Basic " + base64.b64encode(name.encode() + b":" + key[1:]).decode()}
    with pytest.raises(InvalidStatus):
        async with connect():
            pass
    connect.headers = {}
    async with connect(password=key.hex().upper()) as station:
        await booted(station)
