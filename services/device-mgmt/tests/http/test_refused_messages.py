import pytest
from csms.v1.station_pb2 import RefusedMessage
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import CALLS_DEVICES


@pytest.fixture
def refuse(bus):
    async def publish(station_id, kind, at_ms, **more):
        body = RefusedMessage(protocol="ocpp2.0.1", connection_id="c1", kind=kind, received_at_ms=at_ms, **more)
        await bus.publish([Outgoing(CALLS_DEVICES.name, new_record(station_id, refused_message=body))])

    return publish


async def test_they_are_listed_newest_first_and_page_by_page(api, connected, refuse, eventually):
    await refuse(connected, "invalid_frame", 1_767_225_600_000, code="RpcFrameworkError", detail="no JSON")
    await refuse(connected, "call_refused", 1_767_225_601_000, action="Heartbeat", code="FormatViolation", detail="/x")
    path = f"/stations/{connected}/refused-messages"

    async def all_there():
        items = (await api.get(path)).json()["items"]
        return items if len(items) == 2 else None

    items = await eventually(all_there)
    assert [(item["kind"], item["action"], item["code"]) for item in items] == [
        ("call_refused", "Heartbeat", "FormatViolation"),
        ("invalid_frame", None, "RpcFrameworkError"),
    ]
    assert items[1]["received_at"] == "2026-01-01T00:00:00Z"
    first = (await api.get(path, params={"limit": 1})).json()
    rest = (await api.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [item["id"] for item in items]


async def test_a_stations_page_shows_that_it_floods(api, connected, refuse, eventually):
    assert (await api.get(f"/stations/{connected}")).json()["rate_limited_at"] is None
    await refuse(connected, "rate_limited", 1_767_225_600_000, detail="it sends more than it may")

    async def shown():
        return (await api.get(f"/stations/{connected}")).json()["rate_limited_at"]

    assert await eventually(shown) == "2026-01-01T00:00:00Z"


async def test_unknown_station(api):
    assert (await api.get("/stations/nobody/refused-messages")).status_code == 404


async def test_they_go_with_the_station(api, connected, refuse, eventually):
    await refuse(connected, "invalid_frame", 1_767_225_600_000)
    path = f"/stations/{connected}/refused-messages"

    async def there():
        return (await api.get(path)).json()["items"]

    await eventually(there)
    (await api.delete(f"/stations/{connected}")).raise_for_status()
    (await api.put(f"/stations/{connected}", json={})).raise_for_status()
    assert await there() == []
