"""Who was refused at the door is kept and listed, stations of ours and strangers."""

from datetime import datetime

import pytest
from csms.v1.events_pb2 import ConnectionRefused, DomainEvent
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_AUTH, EVENTS_GATEWAY
from csms_device_mgmt.connections import refused_handshake_rows
from csms_device_mgmt.connections.auth_events import AuthEventRecords
from csms_runtime.clock import from_ms, now_ms
from csms_runtime.ids import new_id
from csms_testing.databases import database_fixture

database = database_fixture("csms_device_mgmt", schema="devices")
AT_MS = now_ms() // 1000 * 1000 - 60_000
"""Within the days that they are kept."""
ONLY_15 = "Sec-WebSocket-Protocol must offer one of: ocpp2.0.1, ocpp1.6. Offered: ocpp1.5."


def refusal(station_id, at_ms=AT_MS, *, address="192.0.2.7", kind="bad_subprotocol", reason=ONLY_15, status=400):
    body = ConnectionRefused(http_status=status, reason=reason, remote_address=address, kind=kind)
    event = DomainEvent(event_id=new_id(), occurred_at_ms=at_ms, station_id=station_id, connection_refused=body)
    return new_record(station_id, event=event)


@pytest.fixture
def tell(units, incoming):
    async def do(*records):
        await AuthEventRecords(units)([incoming(record, topic=EVENTS_GATEWAY.name) for record in records])

    return do


@pytest.fixture
def listed(api):
    async def items(**query):
        return (await api.get("/refused-handshakes", params=query)).json()["items"]

    return items


async def test_what_a_gateway_and_auth_refuse_is_listed(api, bus, listed, eventually, connected):
    await bus.publish([Outgoing(EVENTS_GATEWAY.name, refusal(connected), key="192.0.2.7")])
    wrong = refusal("CS9", AT_MS + 1000, kind="", reason="wrong password", status=401)
    await bus.publish([Outgoing(EVENTS_AUTH.name, wrong)])

    async def both():
        found = await listed()
        return found if len(found) == 2 else None

    newest, older = await eventually(both)
    assert (newest["station_id"], newest["known"], newest["kind"]) == ("CS9", False, "auth")
    assert (older["station_id"], older["known"], older["kind"]) == (connected, True, "bad_subprotocol")
    assert (older["remote_address"], older["http_status"], older["reason"]) == ("192.0.2.7", 400, ONLY_15)
    assert older["first_refused_at"] == older["last_refused_at"]
    assert datetime.fromisoformat(older["last_refused_at"]) == from_ms(AT_MS)
    assert (await api.get(f"/stations/{connected}")).json()["last_refusal"]["reason"] == ONLY_15


async def test_one_row_of_a_station_address_and_kind_in_any_order_and_twice(tell, listed):
    first, second, third = (refusal("CS1", AT_MS + n, reason=f"r{n}") for n in range(3))
    await tell(first, first, second)
    await tell(second)
    await tell(third)
    await tell(first)
    (item,) = await listed()
    assert (item["count"], item["reason"]) == (3, "r2")


async def test_filters_and_pages(api, tell, listed):
    await tell(*(refusal(f"CS{n}", AT_MS + n // 2, kind="tls" if n == 3 else "bad_subprotocol") for n in range(4)))
    assert [item["station_id"] for item in await listed(kind="tls")] == ["CS3"]
    assert [item["station_id"] for item in await listed(station_id="CS1")] == ["CS1"]
    assert len(await listed(since=from_ms(AT_MS + 1).isoformat())) == 2
    page = (await api.get("/refused-handshakes?limit=3")).json()
    rest = (await api.get(f"/refused-handshakes?cursor={page['next_cursor']}")).json()
    assert [item["station_id"] for item in page["items"] + rest["items"]] == ["CS3", "CS2", "CS1", "CS0"]


async def test_every_filter_is_read_in_pages_and_from_a_time_on(api, tell):
    await tell(*(refusal(f"CS{n % 2}", AT_MS + n // 2 * 1000, address=f"192.0.2.{n}", kind="tls") for n in range(6)))
    await tell(refusal("CS0", AT_MS, kind="auth"), refusal("Other", AT_MS + 9000))

    async def read(**query):
        found, cursor = [], {}
        while True:
            page = (await api.get("/refused-handshakes", params={"limit": 1, **query, **cursor})).json()
            found += [item["remote_address"] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    tls = [f"192.0.2.{n}" for n in range(5, -1, -1)]
    assert await read(kind="tls") == tls
    assert await read(kind="tls", since=from_ms(AT_MS + 1000).isoformat()) == tls[:4]
    assert await read(station_id="cs1") == tls[::2]
    assert await read(station_id="cs1", kind="tls", since=from_ms(AT_MS + 2000).isoformat()) == tls[:1]
    assert await read(remote_address="192.0.2.4") == tls[1:2]
    assert await read(station_id="nobody") == []
    assert len(await read()) == 8


async def test_a_summary_counts_the_newest_and_says_so(api, tell, monkeypatch):
    await tell(refusal("OLD", AT_MS - 5000, kind="tls"), *(refusal(f"CS{n}", AT_MS + n) for n in range(3)))

    async def summary(**query):
        found = (await api.get("/refused-handshakes/summary", params=query)).json()
        return {item["kind"]: item["stations"] for item in found["items"]}, found["complete"]

    assert await summary() == ({"bad_subprotocol": 3, "tls": 1}, True)
    assert await summary(since=from_ms(AT_MS + 1).isoformat()) == ({"bad_subprotocol": 2}, True)
    assert await summary(since="2200-01-01T00:00:00Z") == ({}, True)
    monkeypatch.setattr(refused_handshake_rows, "MOST_SUMMARIZED", 2)
    assert await summary() == ({"bad_subprotocol": 3}, False)


@pytest.mark.parametrize("bound", ["MOST_TOLD", "MOST_TOLD_OF_ADDRESS"])
async def test_a_summary_of_so_many_strangers_that_some_may_be_missing_says_so(api, tell, monkeypatch, bound):
    await tell(*(refusal(f"X{n}", AT_MS + n) for n in range(3)))
    assert (await api.get("/refused-handshakes/summary")).json()["complete"] is True
    monkeypatch.setattr(refused_handshake_rows, bound, 3)
    assert (await api.get("/refused-handshakes/summary")).json()["complete"] is False


async def test_a_fleet_that_speaks_another_version_comes_first_in_the_summary(api, tell, with_station):
    await with_station()
    await tell(refusal("CS1"), *(refusal(f"X{n}", reason="malformed", kind="bad_credentials") for n in range(3)))
    ours, strangers = (await api.get("/refused-handshakes/summary")).json()["items"]
    assert (ours["kind"], ours["reason"], ours["known"], ours["stations"]) == ("bad_subprotocol", ONLY_15, True, 1)
    assert (strangers["known"], strangers["stations"], strangers["addresses"]) == (False, 3, 1)


async def test_strangers_fill_nothing_and_push_no_station_out(tell, listed, with_station, monkeypatch):
    monkeypatch.setattr(refused_handshake_rows, "MOST_OF_STRANGERS", 4)
    monkeypatch.setattr(refused_handshake_rows, "MOST_OF_ADDRESS", 3)
    monkeypatch.setattr(refused_handshake_rows, "MOST_OF_STATION", 2)
    await with_station()
    await tell(refusal("CS1", AT_MS - 10_000))
    await tell(*(refusal(f"X{n}", AT_MS + n, address="198.51.100.1") for n in range(10)))
    await tell(*(refusal("", AT_MS + n, address=f"198.51.100.{n}") for n in range(20, 22)))
    names = [(item["station_id"], item["remote_address"]) for item in await listed()]
    assert names == [
        (None, "198.51.100.21"),
        (None, "198.51.100.20"),
        ("X9", "198.51.100.1"),
        ("X8", "198.51.100.1"),
        ("CS1", "192.0.2.7"),
    ]
    await tell(*(refusal("CS1", AT_MS + n, address=f"198.51.100.{n}") for n in range(3)))
    assert [item["remote_address"] for item in await listed(station_id="CS1")] == ["198.51.100.2", "198.51.100.1"]


async def test_what_nobody_could_store_is_cut(tell, listed):
    await tell(refusal("a:b", reason="x\0" * 1000, kind="k" * 100, address="a" * 100))
    (item,) = await listed()
    assert item["station_id"] is None
    assert [len(item[name]) for name in ("reason", "kind", "remote_address")] == [500, 32, 64]


async def test_they_go_with_the_station_and_after_some_days(api, tell, listed, units, with_station):
    await with_station()
    await tell(refusal("CS1"), refusal("CS2"))
    async with units.open() as unit:
        assert await refused_handshake_rows.delete_old(unit.session, from_ms(AT_MS), 9) == 0
        assert await refused_handshake_rows.delete_old(unit.session, unit.now, 1) == 1
    assert len(await listed()) == 1
    await tell(refusal("CS1", AT_MS + 5))
    assert (await api.delete("/stations/CS1")).status_code == 204
    assert await listed(station_id="CS1") == []


async def test_a_cursor_of_another_list_is_refused(api):
    assert (await api.get("/refused-handshakes?cursor=WyJ4IiwieSJd")).status_code == 422
