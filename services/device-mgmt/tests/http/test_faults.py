"""GET /faults, GET /notifications, and the stations that told of faults."""

from datetime import timedelta

import pytest
from csms_runtime.clock import utcnow
from csms_testing.databases import database_fixture

database = database_fixture("csms_device_mgmt", schema="devices")
ALERT = {
    "component": {"name": "ConnectorLock"},
    "variable": {"name": "Problem"},
    "actualValue": "true",
    "timestamp": "2026-01-01T00:00:00Z",
    "trigger": "Alerting",
    "eventId": 1,
    "eventNotificationType": "HardWiredMonitor",
}


@pytest.fixture
async def _told(api, apply, records):
    """CS1 of a site became faulted, twice read; CS2 told of a problem and a security event."""
    (await api.put("/sites/harbour", json={"name": "Harbour"})).raise_for_status()
    for name, body in (("CS1", {"site_id": "harbour"}), ("CS2", {}), ("CS3", {})):
        (await api.put(f"/stations/{name}", json=body)).raise_for_status()
    faulted = records.status("Faulted")
    for record in (faulted, records.status("Faulted"), faulted):
        await apply(record)
    told = {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": [ALERT]}
    problem = records.call("NotifyEvent", told, station_id="CS2")
    await apply(problem)
    await apply(problem)
    event = {"type": "TamperDetectionActivated", "timestamp": "2026-01-01T00:00:00Z"}
    await apply(records.call("SecurityEventNotification", event, station_id="CS1"))
    await apply(records.call("SecurityEventNotification", event, station_id="CS2"))


async def listed(api, path, **query):
    items, cursor = [], {}
    while True:
        page = (await api.get(path, params={"limit": 1, **query, **cursor})).raise_for_status().json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.usefixtures("_told")
async def test_which_stations_told_of_an_error(api):
    yesterday, tomorrow = ((utcnow() + timedelta(days=days)).isoformat() for days in (-1, 1))
    items = await listed(api, "/faults", since=yesterday)
    assert [(item["station_id"], item["site_id"], item["source"], item["code"]) for item in items] == [
        ("CS2", None, "event", "ConnectorLock/Problem"),
        ("CS1", "harbour", "status", "Faulted"),
    ]
    assert (items[1]["evse_id"], items[1]["connector_id"]) == (1, 1)
    for query, names in (
        ({"site_id": "harbour"}, ["CS1"]),
        ({"station_id": "cs2"}, ["CS2"]),
        ({"station_id": "nobody"}, []),
        ({"code": "Faulted", "since": yesterday, "until": tomorrow}, ["CS1"]),
        ({"since": tomorrow}, []),
        ({"until": yesterday}, []),
    ):
        assert [item["station_id"] for item in await listed(api, "/faults", **query)] == names, query
    assert [item["id"] for item in await listed(api, "/stations", faulted_since=yesterday)] == ["CS1", "CS2"]
    assert await listed(api, "/stations", faulted_since=tomorrow) == []


@pytest.mark.usefixtures("_told")
async def test_what_all_stations_told(api):
    items = await listed(api, "/notifications")
    assert [(item["station_id"], item["action"]) for item in items] == [
        ("CS2", "SecurityEventNotification"),
        ("CS1", "SecurityEventNotification"),
        ("CS2", "NotifyEvent"),
    ]
    for query, count in (
        ({"action": "SecurityEventNotification"}, 2),
        ({"site_id": "harbour"}, 1),
        ({"station_id": "cs2"}, 2),
        ({"station_id": "cs2", "action": "NotifyEvent"}, 1),
        ({"since": (utcnow() + timedelta(days=1)).isoformat()}, 0),
    ):
        assert len(await listed(api, "/notifications", **query)) == count, query
    assert (await api.get("/notifications", params={"kind": "x"})).status_code == 422
