"""Block B, booting: Accepted, Pending, Rejected, and what is refused before Accepted."""

import pytest
from csms_testing.conformance.states import availability_event, boot, booted, status, status_notification


async def test_tc_b_01_csms(connect, operator, station_id):
    async with connect() as station:
        answer = await boot(station)
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        for evse in ((1, 1), (2, 1)):
            await status(station, "Available", evse)
        await station.expect_nothing()
        shown = await operator.station(station_id)
    assert shown["boot"]["reason"] == "PowerUp"
    assert shown["registration_status"] == "Accepted"
    assert [evse["connectors"][0]["status"] for evse in shown["evses"]] == ["Available", "Available"]


async def test_tc_b_01_csms_registration_is_remembered(connect):
    async with connect() as station:
        await booted(station)
    async with connect() as station:  # only reconnected: a station need not boot then
        await status(station, "Available")


async def test_tc_b_02_csms(connect, operator, station_id):
    await operator.put_station(station_id, registration="Pending")
    async with connect() as station:
        answer = await boot(station)
        assert answer["status"] == "Pending"
        assert answer["interval"] > 0
        assert (await operator.station(station_id))["registration_status"] == "Pending"
        await _can_be_asked(operator, station)  # the connection stays open (B02.FR.06)
        await operator.put_station(station_id, registration="Accepted")
        await booted(station)
        await station.expect_nothing()
    assert (await operator.station(station_id))["registration_status"] == "Accepted"


async def _can_be_asked(operator, station):
    element = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}}
    async with operator.calling(station.station_id, "GetVariables", {"getVariableData": [element]}) as pending:
        result = {**element, "attributeStatus": "Accepted", "attributeValue": "60"}
        assert await station.reply("GetVariables", {"getVariableResult": [result]}) == {"getVariableData": [element]}
    assert pending.response["getVariableResult"] == [result]


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_tc_b_30_csms(connect, operator, station_id, registration):
    await operator.put_station(station_id, registration=registration)
    async with connect() as station:
        assert (await boot(station))["status"] == registration
        assert await station.refused("StatusNotification", status_notification("Available")) == "SecurityError"
        assert await station.refused("NotifyEvent", availability_event("Available")) == "SecurityError"
        assert await station.refused("Heartbeat") == "SecurityError"
        assert (await operator.station(station_id))["evses"] == []


async def test_tc_b_30_csms_before_the_first_boot(connect, operator, station_id):
    await operator.put_station(station_id, registration="Pending")
    async with connect() as station:
        assert await station.refused("StatusNotification", status_notification("Available")) == "SecurityError"


async def test_tc_b_30_csms_after_a_reconnect(connect, operator, station_id):
    await operator.put_station(station_id, registration="Pending")
    async with connect() as station:
        assert (await boot(station))["status"] == "Pending"
    async with connect() as station:
        assert await station.refused("StatusNotification", status_notification("Available")) == "SecurityError"


async def test_tc_b_30_csms_what_was_asked_for_is_answered(connect, operator, station_id):
    await operator.put_station(station_id, registration="Pending")
    async with connect() as station:
        await boot(station)
        trigger = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
        async with operator.calling(station_id, "TriggerMessage", trigger):
            assert await station.reply("TriggerMessage", {"status": "Accepted"}) == trigger
        assert await station.call("StatusNotification", status_notification("Available")) == {}
        assert await station.refused("NotifyEvent", availability_event("Available")) == "SecurityError"


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_tc_b_31_csms(connect, operator, station_id, registration):
    await operator.put_station(station_id, registration=registration)
    async with connect() as station:
        assert (await boot(station))["status"] == registration
        await operator.put_station(station_id, registration="Accepted")
        trigger = {"requestedMessage": "BootNotification"}
        async with operator.calling(station_id, "TriggerMessage", trigger) as pending:
            assert await station.reply("TriggerMessage", {"status": "Accepted"}) == trigger
        assert pending.response == {"status": "Accepted"}
        await booted(station, "Triggered")
        await station.expect_nothing()


async def test_tc_b_31_csms_a_rejected_station_is_sent_nothing_else(connect, operator, station_id):
    await operator.put_station(station_id, registration="Rejected")
    async with connect() as station:
        await boot(station)
        async with operator.calling(station_id, "TriggerMessage", {"requestedMessage": "Heartbeat"}) as pending:
            await station.expect_nothing()
        assert pending.http_status == 409
        assert "B03.FR.03" in pending.body["detail"]
        await station.expect_nothing()
