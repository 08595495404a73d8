"""Block B, GetVariables and SetVariables."""

import json

import pytest


def variable(component: str, name: str, instance: str | None = None) -> dict:
    named = {"name": name} if instance is None else {"name": name, "instance": instance}
    return {"component": {"name": component}, "variable": named}


THRESHOLD = variable("OCPPCommCtrlr", "OfflineThreshold")
REMOTE_START = variable("AuthCtrlr", "AuthorizeRemoteStart")
FIVE = [
    variable("DeviceDataCtrlr", "ItemsPerMessage", "GetReport"),
    variable("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"),
    variable("DeviceDataCtrlr", "BytesPerMessage", "GetReport"),
    variable("DeviceDataCtrlr", "BytesPerMessage", "GetVariables"),
    REMOTE_START,
]


def got(element: dict, value: str) -> dict:
    return {**element, "attributeStatus": "Accepted", "attributeValue": value}


def accepted(element: dict) -> dict:
    kept = {key: value for key, value in element.items() if key != "attributeValue"}
    return {**kept, "attributeStatus": "Accepted"}


async def stored(operator, station_id) -> dict:
    items = await operator.items(f"/stations/{station_id}/variables")
    return {(item["variable"]["name"], item["variable"].get("instance")): item["value"] for item in items}


async def test_tc_b_06_csms(station, operator, station_id):
    body = {"variables": [THRESHOLD]}
    async with operator.posting(f"/stations/{station_id}/variables/get", body) as pending:
        request = await station.expect("GetVariables")
        assert request == {"getVariableData": [THRESHOLD]}
        await station.answer({"getVariableResult": [got(THRESHOLD, "60")]})
    assert pending.body["results"] == [got(THRESHOLD, "60")]
    assert await stored(operator, station_id) == {("OfflineThreshold", None): "60"}


async def test_tc_b_06_csms_an_unknown_variable_is_shown(station, operator, station_id):
    result = {**THRESHOLD, "attributeStatus": "UnknownVariable"}
    async with operator.posting(f"/stations/{station_id}/variables/get", {"variables": [THRESHOLD]}) as pending:
        await station.reply("GetVariables", {"getVariableResult": [result]})
    assert pending.body["results"] == [result]
    assert await stored(operator, station_id) == {}


async def test_tc_b_07_csms(station, operator, station_id):
    payload = {"getVariableData": [THRESHOLD, REMOTE_START]}
    async with operator.calling(station_id, "GetVariables", payload) as pending:
        assert await station.expect("GetVariables") == payload
        await station.answer({"getVariableResult": [got(REMOTE_START, "true"), got(THRESHOLD, "60")]})
    assert pending.response["getVariableResult"] == [got(REMOTE_START, "true"), got(THRESHOLD, "60")]
    values = await stored(operator, station_id)
    assert values == {("OfflineThreshold", None): "60", ("AuthorizeRemoteStart", None): "true"}


async def learn(station, operator, name: str, value: str):
    """The operator reads a limit of the station before anything else."""
    limit = variable("DeviceDataCtrlr", name, "GetVariables")
    async with operator.calling(station.station_id, "GetVariables", {"getVariableData": [limit]}):
        await station.reply("GetVariables", {"getVariableResult": [got(limit, value)]})


async def test_tc_b_08_csms(station, operator, station_id):
    await learn(station, operator, "ItemsPerMessage", "4")
    await learn(station, operator, "BytesPerMessage", "4000")
    sizes = []
    async with operator.posting(f"/stations/{station_id}/variables/get", {"variables": FIVE}) as pending:
        while sum(sizes) < len(FIVE):
            request = await station.expect("GetVariables")
            sizes.append(len(request["getVariableData"]))
            await station.answer({"getVariableResult": [got(e, "1") for e in reversed(request["getVariableData"])]})
    assert sizes == [4, 1]
    assert pending.body["results"] == [got(element, "1") for element in FIVE]
    await station.expect_nothing()


async def test_tc_b_08_csms_limits_that_are_not_known_are_asked_for(station, operator, station_id):
    limits = {"ItemsPerMessage": "2", "BytesPerMessage": "4000"}
    sizes = []
    async with operator.posting(f"/stations/{station_id}/variables/get", {"variables": FIVE}) as pending:
        while sum(sizes) < len(FIVE):
            asked = (await station.expect("GetVariables"))["getVariableData"]
            if asked[0]["variable"].get("instance") == "GetVariables" and len(asked) == 1 and limits:
                await station.answer({"getVariableResult": [got(asked[0], limits.pop(asked[0]["variable"]["name"]))]})
                continue
            sizes.append(len(asked))
            await station.answer({"getVariableResult": [got(element, "1") for element in asked]})
    assert sizes == [2, 2, 1]
    assert pending.body["results"] == [got(element, "1") for element in FIVE]


async def test_tc_b_08_csms_bytes_per_message(station, operator, station_id):
    await learn(station, operator, "ItemsPerMessage", "100")
    await learn(station, operator, "BytesPerMessage", "300")
    count = 0
    async with operator.posting(f"/stations/{station_id}/variables/get", {"variables": FIVE}):
        while count < len(FIVE):
            request = await station.expect("GetVariables")
            assert len(json.dumps(request, separators=(",", ":"))) <= 300
            count += len(request["getVariableData"])
            await station.answer({"getVariableResult": [got(element, "1") for element in request["getVariableData"]]})
    assert count == len(FIVE)


async def test_tc_b_09_csms(station, operator, station_id):
    element = {**THRESHOLD, "attributeValue": "123"}
    async with operator.posting(f"/stations/{station_id}/variables/set", {"variables": [element]}) as pending:
        assert await station.expect("SetVariables") == {"setVariableData": [element]}
        await station.answer({"setVariableResult": [accepted(element)]})
    assert pending.body["results"] == [accepted(element)]
    assert await stored(operator, station_id) == {("OfflineThreshold", None): "123"}


@pytest.mark.parametrize("status", ["Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType"])
async def test_tc_b_09_csms_refused_by_the_station(station, operator, station_id, status):
    element = {**THRESHOLD, "attributeValue": "123"}
    result = {**THRESHOLD, "attributeStatus": status, "attributeStatusInfo": {"reasonCode": "ReadOnly"}}
    async with operator.posting(f"/stations/{station_id}/variables/set", {"variables": [element]}) as pending:
        await station.reply("SetVariables", {"setVariableResult": [result]})
    assert pending.body["results"] == [result]
    assert await stored(operator, station_id) == {}


async def test_tc_b_10_csms(station, operator, station_id):
    elements = [{**THRESHOLD, "attributeValue": "123"}, {**REMOTE_START, "attributeValue": "false"}]
    async with operator.calling(station_id, "SetVariables", {"setVariableData": elements}) as pending:
        assert await station.expect("SetVariables") == {"setVariableData": elements}
        await station.answer({"setVariableResult": [accepted(elements[1]), accepted(elements[0])]})
    assert len(pending.response["setVariableResult"]) == 2
    values = await stored(operator, station_id)
    assert values == {("OfflineThreshold", None): "123", ("AuthorizeRemoteStart", None): "false"}


async def test_tc_b_10_csms_the_same_variable_twice_is_not_sent(station, operator, station_id):
    elements = [{**THRESHOLD, "attributeValue": "1"}, {**THRESHOLD, "attributeValue": "2", "attributeType": "Actual"}]
    async with operator.calling(station_id, "SetVariables", {"setVariableData": elements}) as pending:
        await station.expect_nothing()
    assert pending.http_status == 422
    assert "B05.FR.13" in str(pending.body["errors"])
    await station.expect_nothing()
