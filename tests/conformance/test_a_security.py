"""Block A without TLS: Basic authentication and the change of its password."""

import asyncio
from base64 import b64encode
from uuid import uuid4

import pytest
from csms_testing.conformance.states import boot, booted

PASSWORD = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
UNAUTHORIZED = 401


async def test_tc_a_01_csms(connect):
    async with connect() as station:
        await booted(station, evses=((1, 1), (2, 1)))
        await station.expect_nothing()


async def test_tc_a_02_csms(connect, operator, station_id):
    assert await connect.refused(username=f"{station_id}XYZ") == UNAUTHORIZED
    assert not (await operator.station(station_id))["connected"]


async def test_tc_a_02_csms_another_station_with_its_own_right_password(connect, operator):
    other, other_password = f"CS-{uuid4().hex[:12]}", uuid4().hex
    await operator.put_station(other, security_profile=1, password=other_password)
    assert await connect.refused(username=other, password=other_password) == UNAUTHORIZED


@pytest.mark.parametrize(
    "wrong", [uuid4().hex, uuid4().hex + "12345678", uuid4().hex[:16]], ids=["other", "longer", "shorter"]
)
async def test_tc_a_03_csms(connect, operator, station_id, wrong):
    assert await connect.refused(password=wrong) == UNAUTHORIZED
    assert not (await operator.station(station_id))["connected"]


async def test_tc_a_03_csms_no_password_at_all(connect):
    connect.password = None
    assert await connect.refused() == UNAUTHORIZED


@pytest.mark.parametrize("as_sent", [bytes.fromhex, str.encode, lambda text: text.upper().encode()])
async def test_hexadecimal_passwords_are_compared_as_bytes(connect, operator, as_sent):
    """OCPP 1.6's AuthorizationKey is set as digits and sent as the bytes they stand for, or as digits."""
    name, key = f"CS-{uuid4().hex[:12]}", (b"\xff\xfe" + uuid4().bytes).hex()
    await operator.put_station(name, security_profile=1, password=key)
    station = connect.of(name, None)
    station.headers = bytes_auth(name, as_sent(key))
    async with station() as connected:
        assert (await boot(connected))["status"] == "Accepted"
    station.headers = bytes_auth(name, as_sent(key)[:-1] + b"!")
    assert await station.refused() == UNAUTHORIZED


def bytes_auth(username: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(username.encode() + b":" + password).decode()}


async def test_tc_a_09_csms(connect, operator, station_id):
    new = uuid4().hex
    async with connect() as station:
        await booted(station)
        async with operator.posting(f"/stations/{station_id}/password", {"password": new}) as pending:
            request = await station.expect("SetVariables")
            assert request == {"setVariableData": [{**PASSWORD, "attributeValue": new}]}
            await station.answer({"setVariableResult": [{**PASSWORD, "attributeStatus": "Accepted"}]})
        assert pending.response["setVariableResult"][0]["attributeStatus"] == "Accepted"
        assert new not in str(pending.body)
    async with connect(password=new) as station:
        await booted(station)
        assert await connect.refused() == UNAUTHORIZED  # with the old password
        await station.expect_nothing()
    shown = await operator.items(f"/stations/{station_id}/calls")
    assert new not in str(shown)


async def test_tc_a_09_csms_by_the_message_itself(connect, operator, station_id):
    """As an operator who sends SetVariables by hand does it."""
    new = uuid4().hex
    async with connect() as station:
        await booted(station)
        payload = {"setVariableData": [{**PASSWORD, "attributeValue": new}]}
        async with operator.calling(station_id, "SetVariables", payload) as pending:
            assert await station.expect("SetVariables") == payload
            await station.answer({"setVariableResult": [{**PASSWORD, "attributeStatus": "Accepted"}]})
        assert pending.outcome == "result"
    async with connect(password=new) as station:
        await booted(station)

    async def old_is_refused() -> bool:
        return await connect.refused() == UNAUTHORIZED

    await operator.eventually(old_is_refused)


async def test_tc_a_09_csms_the_station_drops_the_connection_before_it_answers(connect, operator, station_id):
    """While nobody knows whether the station took the new password, either lets it in."""
    new = uuid4().hex
    async with connect() as station:
        await booted(station)
        async with operator.posting(f"/stations/{station_id}/password", {"password": new}) as pending:
            await station.expect("SetVariables")
            await station.socket.close()
        assert pending.outcome != "result"
    async with connect(password=new) as station:
        assert (await boot(station))["status"] == "Accepted"


async def test_tc_a_09_csms_valid_after_a_reboot(connect, operator, station_id):
    new = uuid4().hex
    async with connect() as station:
        await booted(station)
        async with operator.posting(f"/stations/{station_id}/password", {"password": new}):
            await station.expect("SetVariables")
            await station.answer({"setVariableResult": [{**PASSWORD, "attributeStatus": "RebootRequired"}]})
    async with connect() as station:  # not rebooted yet
        await booted(station)
    async with connect(password=new) as station:
        await booted(station)


@pytest.mark.parametrize("status", ["Rejected", "NotSupportedAttributeType"])
async def test_tc_a_10_csms(connect, operator, station_id, status):
    new = uuid4().hex
    async with connect() as station:
        await booted(station)
        async with operator.posting(f"/stations/{station_id}/password", {"password": new}) as pending:
            await station.expect("SetVariables")
            await station.answer({"setVariableResult": [{**PASSWORD, "attributeStatus": status}]})
        assert pending.response["setVariableResult"][0]["attributeStatus"] == status
    async with connect() as station:
        assert await connect.refused(password=new) == UNAUTHORIZED
        await booted(station)
        await station.expect_nothing()


async def test_tc_a_10_csms_callerror(connect, operator, station_id):
    new = uuid4().hex
    async with connect() as station:
        await booted(station)
        async with operator.posting(f"/stations/{station_id}/password", {"password": new}) as pending:
            await station.expect("SetVariables")
            await station.answer_error("InternalError")
        assert pending.outcome == "error"
    async with connect() as station:
        await booted(station)
        assert await connect.refused(password=new) == UNAUTHORIZED


async def test_tc_a_01_csms_many_stations_at_once(connect, operator):
    async def one() -> str:
        name, password = f"CS-{uuid4().hex[:12]}", uuid4().hex
        await operator.put_station(name, security_profile=1, password=password)
        return await _boot_status(connect.of(name, password))

    assert await asyncio.gather(*(one() for _ in range(5))) == ["Accepted"] * 5


async def _boot_status(connect) -> str:
    async with connect() as station:
        return (await boot(station))["status"]
