"""What consumers gave up: kept, shown and published again, here as on Kafka."""

import base64
from datetime import datetime

import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import RefusedMessage
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import dead_letter, new_record
from csms_bus.topics import CALLS_DEVICES
from csms_device_mgmt.dead_letters import dead_letter_rows, replaying
from csms_runtime.clock import utcnow


@pytest.fixture
def listed(api, eventually):
    async def items(count=1, query=""):
        async def enough():
            found = (await api.get(f"/dead-letters{query}")).json()["items"]
            return found if len(found) >= count else None

        return await eventually(enough)

    return items


@pytest.fixture
def bury(bus):
    async def publish(station_id, value, *, reason="KeyError", partition=0):
        died = Incoming(CALLS_DEVICES.name, partition, 7, station_id, None, value)
        await bus.publish([dead_letter(died, group="device-mgmt", reason=reason)])

    return publish


async def test_a_dead_letter_is_listed_shown_and_deleted(api, bury, listed):
    await bury("CS1", b"\xff no record", reason="no\0 record")
    (item,) = await listed()
    assert (item["station_id"], item["topic"], item["offset"]) == ("CS1", CALLS_DEVICES.name, 7)
    assert (item["group"], item["reason"], item["size"]) == ("device-mgmt", "no record", 11)
    shown = (await api.get(f"/dead-letters/{item['id']}")).json()
    assert (base64.b64decode(shown["value"]), shown["body"]) == (b"\xff no record", None)
    assert (await api.post(f"/dead-letters/{item['id']}/replay")).status_code == 409
    assert (await api.delete(f"/dead-letters/{item['id']}")).status_code == 204
    for answer in (api.get, api.delete):
        assert (await answer(f"/dead-letters/{item['id']}")).status_code == 404


async def test_they_are_filtered_and_come_page_by_page(api, bury, listed):
    for station, reason in (("CS1", "a"), ("CS2", "b"), ("CS1", "b")):
        await bury(station, b"x", reason=reason)
    newest = await listed(3)
    assert [item["station_id"] for item in newest] == ["CS1", "CS2", "CS1"]
    assert len(await listed(2, "?station_id=CS1")) == 2
    assert [item["station_id"] for item in await listed(1, "?reason=b&station_id=CS2")] == ["CS2"]
    page = (await api.get("/dead-letters?limit=2")).json()
    rest = (await api.get(f"/dead-letters?cursor={page['next_cursor']}")).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == [item["id"] for item in newest]


async def test_a_replayed_record_is_handled(api, bury, listed, connected, eventually):
    body = RefusedMessage(protocol="ocpp2.0.1", connection_id="c", kind="invalid_frame", received_at_ms=1)
    await bury(connected, new_record(connected, refused_message=body).SerializeToString())
    (item,) = await listed()
    assert (await api.get(f"/dead-letters/{item['id']}")).json()["body"] == "refused_message"
    assert (item["replayed_at"], item["replayed_by"]) == (None, None)
    assert (await api.post(f"/dead-letters/{item['id']}/replay")).status_code == 204

    async def refused():
        return (await api.get(f"/stations/{connected}/refused-messages")).json()["items"]

    assert [one["kind"] for one in await eventually(refused)] == ["invalid_frame"]


async def test_a_letter_shows_when_and_by_whom_it_was_replayed(api, bury, listed, connected):
    body = RefusedMessage(protocol="ocpp2.0.1", connection_id="c", kind="invalid_frame", received_at_ms=1)
    for reason in ("first", "second"):
        await bury(connected, new_record(connected, refused_message=body).SerializeToString(), reason=reason)
    newer, older = await listed(2)
    before = utcnow()
    assert (await api.post(f"/dead-letters/{older['id']}/replay")).status_code == 204
    (item,) = await listed(1, "?replayed=true")
    assert (item["id"], item["replayed_by"]) == (older["id"], "admin")
    assert before <= datetime.fromisoformat(item["replayed_at"]) <= utcnow()
    assert (await api.get(f"/dead-letters/{item['id']}")).json()["replayed_at"] == item["replayed_at"]
    assert [item["id"] for item in await listed(1, "?replayed=false")] == [newer["id"]]


async def test_many_are_replayed_oldest_first_call_by_call(api, bury, listed, connected):
    body = RefusedMessage(protocol="ocpp2.0.1", connection_id="c", kind="invalid_frame", received_at_ms=1)
    for _ in range(5):
        await bury(connected, new_record(connected, refused_message=body).SerializeToString(), reason="bug")
    await bury("CS2", b"\xff no record", reason="bug")
    await bury("CS3", b"x", reason="another")
    numbers = [item["id"] for item in reversed(await listed(7))]
    wanted = {"reason": "bug", "group": "device-mgmt", "died_until": utcnow().isoformat(), "limit": 2}
    told, after = [], 0
    while after is not None:
        answer = (await api.post("/dead-letters/replay", json=wanted | {"after": after})).json()
        told.append((answer["replayed"], [one["id"] for one in answer["refused"]], answer["last_id"]))
        after = answer["last_id"]
    assert told == [(2, [], numbers[1]), (2, [], numbers[3]), (1, [numbers[5]], numbers[5]), (0, [], None)]
    assert len(await listed(5, "?replayed=true")) == 5
    again = (await api.post("/dead-letters/replay", json=wanted)).json()
    assert (again["replayed"], [one["id"] for one in again["refused"]]) == (0, [numbers[5]])


async def test_those_of_a_station_or_of_a_time_are_replayed(api, bury, listed, connected):
    value = new_record(connected, refused_message=RefusedMessage(protocol="ocpp2.0.1")).SerializeToString()
    await bury(connected, value)
    await bury("CS2", value)
    (item, _) = await listed(2)
    assert await replayed(api, {"died_since": utcnow().isoformat()}) == 0
    assert await replayed(api, {"died_until": item["died_at"], "station_id": "CS2"}) == 0
    assert await replayed(api, {"topic": "another"}) == 0
    assert await replayed(api, {"station_id": connected.lower()}) == 1
    assert await replayed(api, {"topic": CALLS_DEVICES.name}) == 1


async def replayed(api, wanted):
    answer = await api.post("/dead-letters/replay", json=wanted)
    assert answer.status_code == 200
    return answer.json()["replayed"]


async def test_a_call_publishes_no_more_bytes_than_it_may(api, bury, listed, connected, monkeypatch):
    monkeypatch.setattr(replaying, "MOST_BYTES", 100)
    value = new_record(connected, refused_message=RefusedMessage(protocol="x" * 60)).SerializeToString()
    for reason in ("a", "b", "c"):
        await bury(connected, value, reason=reason)
    await listed(3)
    assert [await replayed(api, {"station_id": connected}) for _ in range(4)] == [1, 1, 1, 0]


async def test_it_must_be_said_which(api, clients):
    for wanted in (
        {},
        {"limit": 10},
        {"cause": "bug"},
        {"reason": None},
        {"reason": "bug", "limit": 0},
        {"died_since": "2026-01-01"},
    ):
        assert (await api.post("/dead-letters/replay", json=wanted)).status_code == 422
    assert (await clients("read").post("/dead-letters/replay", json={"reason": "bug"})).status_code == 403


async def test_a_letter_that_the_bus_refuses_is_not_shown_as_replayed(api, bury, listed):
    await bury("CS1", new_record("CS1", refused_message=RefusedMessage()).SerializeToString(), partition=999)
    (item,) = await listed()
    assert (await api.post(f"/dead-letters/{item['id']}/replay")).status_code == 409
    assert [item["replayed_at"] for item in await listed()] == [None]


async def test_poison_of_a_station_is_found_here(bus, listed):
    await bus.publish([Outgoing(CALLS_DEVICES.name, Record(station_id="CS1", record_id="newer"))])
    (item,) = await listed()
    assert (item["station_id"], item["reason"]) == ("CS1", "unknown body")


async def test_one_stations_letters_push_out_nobody_elses(bury, listed, monkeypatch):
    monkeypatch.setattr(dead_letter_rows, "MOST_BYTES_PER_STATION", 2500)
    await bury("CS1", bytes(1000))
    for number in range(4):
        await bury("CS2", bytes(1000), reason=str(number))
    kept = await listed(3)
    assert [(item["station_id"], item["reason"]) for item in kept[:2]] == [("CS2", "3"), ("CS2", "2")]
    assert kept[-1]["station_id"] == "CS1"


async def test_values_are_for_administrators(bury, listed, clients):
    await bury("CS1", b"x")
    (item,) = await listed()
    reader = clients("read")
    assert (await reader.get("/dead-letters")).status_code == 200
    for path in (f"/dead-letters/{item['id']}", f"/dead-letters/{item['id']}/replay"):
        method = reader.post if path.endswith("replay") else reader.get
        assert (await method(path)).status_code == 403
