"""Block B, reports of the device model."""

import pytest
from csms_testing.conformance.station import now

CHARACTERISTICS = {"dataType": "integer", "supportsMonitoring": False}


def entry(component: dict, name: str, value: str) -> dict:
    return {
        "component": component,
        "variable": {"name": name},
        "variableAttribute": [{"value": value, "mutability": "ReadWrite"}],
        "variableCharacteristics": CHARACTERISTICS,
    }


ENTRIES = [
    entry({"name": "Connector", "evse": {"id": 1, "connectorId": 1}}, "AvailabilityState", "Available"),
    entry({"name": "Connector", "evse": {"id": 2, "connectorId": 1}}, "AvailabilityState", "Occupied"),
    entry({"name": "OCPPCommCtrlr"}, "OfflineThreshold", "60"),
]


def part(request_id: int, seq_no: int, generated_at: str, entries: list[dict], **fields) -> dict:
    fields["reportData"] = entries
    return {"requestId": request_id, "generatedAt": generated_at, "seqNo": seq_no, **fields}


async def ask(operator, station, report_base: str, status: str = "Accepted") -> int:
    path = f"/stations/{station.station_id}/reports"
    async with operator.posting(path, {"report_base": report_base}) as pending:
        request = await station.expect("GetBaseReport")
        assert request["reportBase"] == report_base
        assert request["requestId"] >= 0
        await station.answer({"status": status})
    assert pending.body["request_id"] == request["requestId"]
    return request["requestId"]


async def report_in_parts(operator, station, report_base: str):
    request_id, generated_at = await ask(operator, station, report_base), now()
    last = len(ENTRIES) - 1
    for seq_no, of_part in enumerate(ENTRIES):
        more = {"tbc": True} if seq_no < last else {}  # tbc may be absent in the last part
        answer = await station.call("NotifyReport", part(request_id, seq_no, generated_at, [of_part], **more))
        assert answer == {}
        shown = await operator.get(f"/stations/{station.station_id}/reports/{request_id}")
        assert shown["complete"] == (seq_no == last)
    assert shown["entries"] == ENTRIES
    assert shown["missing"] == []
    await station.expect_nothing()


async def test_tc_b_12_csms(station, operator):
    await report_in_parts(operator, station, "ConfigurationInventory")


async def test_tc_b_13_csms(station, operator, station_id):
    await report_in_parts(operator, station, "FullInventory")
    items = await operator.items(f"/stations/{station_id}/variables")
    states = {item["component"].get("evse", {}).get("id"): item["value"] for item in items}
    assert states == {1: "Available", 2: "Occupied", None: "60"}  # keyed by EVSE, too


async def test_tc_b_14_csms(station, operator):
    await report_in_parts(operator, station, "SummaryInventory")


@pytest.mark.parametrize(
    ("status", "shown_as"),
    [("NotSupported", "not_supported"), ("EmptyResultSet", "empty"), ("Rejected", "rejected")],
)
async def test_tc_b_12_csms_no_report_follows(station, operator, station_id, status, shown_as):
    request_id = await ask(operator, station, "ConfigurationInventory", status)
    shown = await operator.get(f"/stations/{station_id}/reports/{request_id}")
    assert shown["status"] == shown_as
    assert shown["entries"] == []


async def test_tc_b_13_csms_parts_missing_repeated_and_out_of_order(station, operator, station_id):
    request_id, generated_at = await ask(operator, station, "FullInventory"), now()
    first, second, third = (part(request_id, n, generated_at, [ENTRIES[n]], tbc=n < 2) for n in range(3))
    path = f"/stations/{station_id}/reports/{request_id}"
    for request in (third, first, first):
        assert await station.call("NotifyReport", request) == {}
    shown = await operator.get(path)
    assert not shown["complete"]
    assert shown["missing"] == [1]
    assert await station.call("NotifyReport", second) == {}
    shown = await operator.get(path)
    assert shown["complete"]
    assert shown["entries"] == ENTRIES


async def test_tc_b_18_csms(station, operator, station_id):
    wanted = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
    path = f"/stations/{station_id}/reports"
    body = {"component_criteria": ["Problem"], "component_variables": [wanted]}
    async with operator.posting(path, body) as pending:
        request = await station.reply("GetReport", {"status": "EmptyResultSet"})
    assert request["componentCriteria"] == ["Problem"]
    assert request["componentVariable"] == [wanted]
    assert pending.body["status"] == "empty"

    async with operator.posting(path, {**body, "component_criteria": ["Available"]}) as pending:
        request = await station.reply("GetReport", {"status": "Accepted"})
    assert request["componentCriteria"] == ["Available"]
    assert request["requestId"] == pending.body["request_id"]
    found = entry(wanted["component"], "AvailabilityState", "Available")
    assert await station.call("NotifyReport", part(request["requestId"], 0, now(), [found])) == {}
    shown = await operator.get(f"{path}/{request['requestId']}")
    assert shown["complete"]
    assert shown["entries"] == [found]
