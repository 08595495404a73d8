import pytest
from csms_bus.ports import Outgoing
from csms_bus.topics import CALLS_DEVICES


@pytest.fixture
def tell(bus, records):
    async def publish(action, payload):
        await bus.publish([Outgoing(CALLS_DEVICES.name, records.call(action, payload))])

    return publish


async def test_notifications_are_listed_newest_first(api, connected, tell, eventually):
    await tell("LogStatusNotification", {"status": "Uploading", "requestId": 1})
    await tell("SecurityEventNotification", {"type": "Something", "timestamp": "2026-01-01T00:00:00Z"})
    await tell("LogStatusNotification", {"status": "Uploaded", "requestId": 1})
    path = f"/stations/{connected}/notifications"

    async def all_there():
        items = (await api.get(path)).json()["items"]
        return items if len(items) == 3 else None

    items = await eventually(all_there)
    assert [item["payload"].get("status") for item in items] == ["Uploaded", None, "Uploading"]
    assert items[0]["received_at"].endswith("Z")
    only = (await api.get(path, params={"action": "LogStatusNotification"})).json()["items"]
    assert [item["payload"]["status"] for item in only] == ["Uploaded", "Uploading"]
    first = (await api.get(path, params={"limit": 2})).json()
    rest = (await api.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [item["id"] for item in items]


async def test_unknown_station(api):
    assert (await api.get("/stations/nobody/notifications")).status_code == 404
