"""Block B, onboarding as an operator configures it: Pending, FullInventory, variables, then Accepted (B02, B07)."""

import pytest
from csms_testing.conformance.states import availability_event, boot, booted
from csms_testing.conformance.station import now

THRESHOLD = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}, "attributeValue": "123"}
REMOTE = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "AuthorizeRemoteStart"}, "attributeValue": "false"}
ITEMS = {
    "component": {"name": "DeviceDataCtrlr"},
    "variable": {"name": "ItemsPerMessage", "instance": "SetVariables"},
    "variableAttribute": [{"value": "4", "mutability": "ReadOnly"}],
}
BYTES = {**ITEMS, "variable": {"name": "BytesPerMessage", "instance": "SetVariables"}}
BYTES["variableAttribute"] = [{"value": "5000", "mutability": "ReadOnly"}]


@pytest.fixture
async def onboarded(operator, connect, station_id):
    """Connects a station that is configured to be onboarded."""
    await operator.put_station(station_id, onboarding="inventory", onboarding_variables=[THRESHOLD, REMOTE])
    return connect


async def step(operator, station_id) -> str:
    return (await operator.station(station_id))["onboarding_progress"]["step"]


def result(element: dict, status: str = "Accepted") -> dict:
    return {"component": element["component"], "variable": element["variable"], "attributeStatus": status}


async def send_inventory(station, status: str = "Accepted") -> int:
    request = await station.reply("GetBaseReport", {"status": status})
    assert request["reportBase"] == "FullInventory"
    for seq_no, entry in enumerate((ITEMS, BYTES)):
        part = {"requestId": request["requestId"], "generatedAt": now(), "seqNo": seq_no, "tbc": seq_no == 0}
        assert await station.call("NotifyReport", {**part, "reportData": [entry]}) == {}
    return request["requestId"]


async def test_tc_b_02_csms_onboarding(onboarded, operator, station_id):
    async with onboarded() as station:
        answer = await boot(station)
        assert answer["status"] == "Pending"
        assert answer["interval"] > 0
        assert await station.refused("NotifyEvent", availability_event("Available")) == "SecurityError"
        request_id = await send_inventory(station)
        assert await station.expect("SetVariables") == {"setVariableData": [THRESHOLD, REMOTE]}
        assert await step(operator, station_id) == "variables"
        await station.answer({"setVariableResult": [result(REMOTE), result(THRESHOLD)]})
        assert await station.expect("TriggerMessage") == {"requestedMessage": "BootNotification"}
        assert (await operator.station(station_id))["registration_status"] == "Pending"
        await station.answer({"status": "Accepted"})
        await booted(station, "Triggered")
        await station.expect_nothing()
    shown = await operator.station(station_id)
    assert shown["registration_status"] == "Accepted"
    progress = shown["onboarding_progress"]
    assert (progress["step"], progress["variables"], progress["variables_done"]) == ("done", 2, 2)
    assert progress["notes"] == []
    report = await operator.get(f"/stations/{station_id}/reports/{request_id}")
    assert report["entries"] == [ITEMS, BYTES]
    async with onboarded() as station:  # only the first time
        await booted(station)
        await station.expect_nothing()


async def test_tc_b_02_csms_onboarding_interrupted(onboarded):
    async with onboarded() as station:
        assert (await boot(station))["status"] == "Pending"
        await station.reply("GetBaseReport", {"status": "Accepted"})
    async with onboarded() as station:
        assert await station.refused("NotifyEvent", availability_event("Available")) == "SecurityError"
        assert (await boot(station))["status"] == "Pending"
        await send_inventory(station)
        await station.reply("SetVariables", {"setVariableResult": [result(THRESHOLD), result(REMOTE)]})
        await station.reply("TriggerMessage", {"status": "Rejected"})  # it boots when the interval has passed
        await booted(station)
        await station.expect_nothing()


async def test_tc_b_02_csms_onboarding_of_a_station_that_refuses(onboarded, operator, station_id):
    async with onboarded() as station:
        assert (await boot(station))["status"] == "Pending"
        await station.reply("GetBaseReport", {"status": "NotSupported"})
        for element in (THRESHOLD, REMOTE):  # no limits are known
            request = await station.expect("SetVariables")
            assert request == {"setVariableData": [element]}
            await station.answer({"setVariableResult": [result(element, "Rejected")]})
        await station.reply("TriggerMessage", {"status": "Accepted"})
        await booted(station, "Triggered")
    notes = (await operator.station(station_id))["onboarding_progress"]["notes"]
    assert notes[1:] == ["OCPPCommCtrlr.OfflineThreshold: Rejected", "AuthCtrlr.AuthorizeRemoteStart: Rejected"]


async def test_tc_b_02_csms_onboarding_is_configured_with_what_can_be_sent(operator, station_id):
    wrong = {**THRESHOLD, "attributeValue": 123}
    answer = await operator.client.put(f"/stations/{station_id}", json={"onboarding_variables": [wrong]})
    assert answer.status_code == 422
    secret = {**THRESHOLD, "variable": {"name": "BasicAuthPassword"}, "component": {"name": "SecurityCtrlr"}}
    answer = await operator.client.put(f"/stations/{station_id}", json={"onboarding_variables": [secret]})
    assert answer.status_code == 422
