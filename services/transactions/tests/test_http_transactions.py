"""GET /transactions, through the ASGI app."""

from typing import Any

import httpx2
import pytest
from csms_runtime.http import encode_cursor


async def the_transaction(api: httpx2.AsyncClient) -> dict[str, Any]:
    (item,) = (await api.get("/transactions")).json()["items"]
    return item


async def test_a_transaction_is_shown_with_all_that_is_known(world, api):
    tell, event = world.gateway.tell, world.event
    await tell(event(0, "Started", token="Tag", energy=1000, evse={"id": 2}))
    await tell(event(3, "Ended", energy=1250.5, offline=True))
    listed = await the_transaction(api)
    shown = (await api.get(f"/transactions/{listed['id']}")).json()
    (authorization,) = shown.pop("authorizations")
    assert (shown.pop("power_w"), shown.pop("power_at")) == (None, None)
    of_limit = ("", "_set_by", "_set_at", "_told_at")
    assert [shown.pop(f"transaction_limit{name}") for name in of_limit] == [None] * 4
    assert (authorization["token"], authorization["type"], authorization["status"]) == ("Tag", "ISO14443", "Accepted")
    assert shown == listed
    assert (
        shown.items()
        >= {
            "station_id": "CS1",
            "transaction_id": "tx-1",
            "state": "Ended",
            "evse_id": 2,
            "connector_id": None,
            "id_token": "Tag",
            "id_token_type": "ISO14443",
            "started_at": "2026-01-01T00:00:00Z",
            "ended_at": "2026-01-01T00:00:03Z",
            "meter_start": 1000,
            "meter_stop": 1250.5,
            "energy_wh": 250.5,
            "cost": None,
            "stopped_reason": "Local",
            "event_count": 2,
            "offline_events": 1,
            "started_missing": False,
        }.items()
    )
    assert shown["gaps"] == [{"first": 1, "last": 2}]


async def test_an_active_transaction_does_not_show_what_it_does_not_know(world, api):
    await world.gateway.tell(world.event(0, "Started"))
    shown = await the_transaction(api)
    unknown = ("ended_at", "evse_id", "id_token", "meter_start", "energy_wh", "stopped_reason", "cost")
    assert [shown[name] for name in unknown] == [None] * len(unknown)
    assert shown["gaps"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["b", "a"]),
        ({"station_id": "CS1"}, ["a"]),
        ({"station_id": "CS3"}, []),
        ({"state": "Ended"}, ["b"]),
        ({"state": "ended"}, ["b"]),
        ({"id_token": "tag-a"}, ["a"]),
        ({"transaction_id": "b"}, ["b"]),
        ({"started_since": "2026-01-01T00:00:03Z"}, ["b"]),
        ({"started_since": "2026-01-01T01:00:03+01:00", "state": "Active"}, []),
        ({"started_until": "2026-01-01T00:00:05Z"}, ["a"]),
        ({"started_since": "2026-01-01T00:00:00Z", "started_until": "2026-01-01T00:00:06Z"}, ["b", "a"]),
        ({"updated_since": "2026-01-02T00:00:00Z"}, ["b", "a"]),
        ({"updated_since": "2026-01-02T00:00:00Z", "state": "Ended"}, ["b"]),
        ({"updated_since": "2026-01-02T00:00:00Z", "state": "Active"}, ["a"]),
        ({"updated_since": "2026-01-02T00:00:00Z", "id_token": "tag-a"}, ["a"]),
        ({"updated_since": "2026-01-02T00:00:00Z", "started_since": "2026-01-01T00:00:03Z"}, ["b"]),
        ({"updated_since": "2200-01-01T00:00:00Z"}, []),
        ({"since": "2026-01-02T00:00:00Z", "updated_since": "2200-01-01T00:00:00Z"}, []),
    ],
)
async def test_filters(world, api, query, found):
    await world.gateway.tell(world.event(0, "Started", "a", token="TAG-A"), "CS1")
    await world.gateway.tell(world.event(5, "Ended", "b", token="TAG-B"), "CS2")
    items = (await api.get("/transactions", params=query)).json()["items"]
    assert [item["transaction_id"] for item in items] == found


async def test_pages_show_each_transaction_once(world, api):
    for number in range(7):
        await world.gateway.tell(world.event(number % 3, "Started", f"tx-{number}"))
    seen, cursor = [], None
    while True:
        page = (await api.get("/transactions", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["transaction_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == [f"tx-{number}" for number in range(7)]


async def test_a_transaction_that_has_ended_is_not_charging(world, api):
    tell, event = world.gateway.tell, world.event
    await tell(event(0, "Started", info={"chargingState": "Charging"}))
    assert (await the_transaction(api))["charging_state"] == "Charging"
    await tell(event(1, "Ended", info={"chargingState": "Charging"}))
    assert (await the_transaction(api))["charging_state"] is None
    await tell(event(2, "Updated", info={"chargingState": "Charging"}))
    assert (await the_transaction(api))["charging_state"] is None
    assert await world.told(2) == ["transaction_started", "transaction_ended"]
    assert world.events[1].transaction_ended.transaction.charging_state == ""


async def test_who_asks_for_changes_sees_what_comes_late(world, api):
    """One station was offline for a month, another had a clock of 1970."""
    tell, event = world.gateway.tell, world.event
    await tell(event(0, "Started", "before"))
    await tell(event(1, "Ended", "before"))
    last = (await api.get("/transactions")).json()["items"][0]["updated_at"]
    await tell(event(0, "Started", "offline", timestamp="2025-11-01T10:00:00Z", offline=True))
    await tell(event(1, "Ended", "offline", timestamp="2025-11-01T11:00:00Z", offline=True))
    await tell(event(0, "Started", "1970", timestamp="1970-01-01T00:00:40Z"))
    await tell(event(2, "Updated", "before"))
    for name in ("updated_since", "since"):
        items = (await api.get("/transactions", params={name: last})).json()["items"]
        assert [item["transaction_id"] for item in items] == ["before", "1970", "offline"]
    seen, cursor = [], None
    for _ in range(3):
        params = {"updated_since": last, "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/transactions", params=params)).json()
        seen += [item["transaction_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (["before", "1970", "offline"], None)


async def test_events_and_meter_values_are_as_they_were_sent(world, api):
    sent = [
        world.event(0, "Started", energy=1, customData={"vendorId": "x", "y": 1.50}),
        world.event(1),
        world.event(2, energy=2),
    ]
    for payload in sent:
        await world.gateway.tell(payload)
    key = (await the_transaction(api))["id"]
    first = (await api.get(f"/transactions/{key}/events", params={"limit": 2})).json()
    rest = (await api.get(f"/transactions/{key}/events", params={"cursor": first["next_cursor"]})).json()
    assert [item["payload"] for item in first["items"] + rest["items"]] == sent
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 3
    values = (await api.get(f"/transactions/{key}/meter-values")).json()["items"]
    assert [(value["seq_no"], value["meter_value"]) for value in values] == [
        (0, sent[0]["meterValue"][0]),
        (2, sent[2]["meterValue"][0]),
    ]


async def test_a_key_code_is_shown_nowhere(world, api):
    await world.gateway.tell(world.event(0, "Started", idToken={"idToken": "4711", "type": "KeyCode"}))
    shown = await the_transaction(api)
    assert shown["id_token"] == "***"
    events = await api.get(f"/transactions/{shown['id']}/events")
    assert events.json()["items"][0]["payload"]["idToken"] == {"idToken": "***", "type": "KeyCode"}


async def test_meter_values_of_a_station(world, api):
    payload = {"evseId": 3, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1}]}]}
    await world.gateway.call("CS1", "MeterValues", payload)
    (item,) = (await api.get("/stations/CS1/meter-values", params={"evse_id": 3})).json()["items"]
    assert (item["evse_id"], item["payload"]) == (3, payload)
    assert (await api.get("/stations/CS1/meter-values", params={"evse_id": 1})).json()["items"] == []


@pytest.mark.parametrize("path", ["/transactions/none", "/transactions/none/events", "/transactions/none/meter-values"])
async def test_an_unknown_transaction_is_404(api, path):
    answer = await api.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("query", [{"state": "Open"}, {"cursor": "abc"}, {"since": "today"}, {"limit": 0}])
async def test_a_wrong_query_is_422(api, query):
    assert (await api.get("/transactions", params=query)).status_code == 422


NUL_CURSOR = encode_cursor(["2026-01-01T00:00:00+00:00", "a\0b"])


@pytest.mark.parametrize(
    "path",
    [
        "/transactions/a%00b",
        "/transactions/a%00b/events",
        "/transactions/a%00b/meter-values",
        "/stations/a%00b/meter-values",
        f"/transactions/x/events?cursor={encode_cursor([2**63])}",
        f"/transactions/x/meter-values?cursor={encode_cursor([2**31])}",
        f"/transactions?cursor={NUL_CURSOR}",
        f"/stations/CS1/meter-values?cursor={NUL_CURSOR}",
        *(
            f"{path}?since={moment}"
            for path in ("/transactions", "/stations/CS1/meter-values")
            for moment in ("0001-01-01T00:00:00%2B10:00", "9999-12-31T23:59:59-10:00")
        ),
    ],
)
async def test_what_no_database_can_compare_with_is_422(api, path):
    assert (await api.get(path)).status_code == 422


@pytest.mark.parametrize("path", ["/stations/a%00b/remote-start", "/transactions/a%00b/remote-stop"])
async def test_nothing_is_sent_to_what_no_database_can_hold(api, path):
    answer = await api.post(path, json={"id_token": {"idToken": "TAG", "type": "Central"}})
    assert answer.status_code == 422


async def test_a_cursor_of_another_list_is_422(world, api):
    for seq_no in range(2):
        await world.gateway.tell(world.event(seq_no))
    key = (await the_transaction(api))["id"]
    cursor = (await api.get(f"/transactions/{key}/events", params={"limit": 1})).json()["next_cursor"]
    assert (await api.get("/transactions", params={"cursor": cursor})).status_code == 422


async def test_scopes(api):
    read_only = {"Authorization": "Bearer reader"}
    assert (await api.get("/transactions", headers=read_only)).status_code == 200
    body = {"id_token": {"idToken": "TAG", "type": "ISO14443"}}
    assert (await api.post("/stations/CS1/remote-start", json=body, headers=read_only)).status_code == 403
    assert (await api.post("/transactions/x/remote-stop", headers=read_only)).status_code == 403
    assert (await api.get("/transactions", headers={"Authorization": "Bearer nobody"})).status_code == 401


async def test_stations_are_named_in_any_case(world, api):
    tell, event = world.gateway.tell, world.event
    await tell(event(0, "Started", "a"), "Cs-1")
    await tell(event(0, "Started", "b"), "CS-1")  # of a version that told cases apart
    await tell(event(0, "Started", "c"), "CS-10")
    for name, found in (("cs-1", ["a", "b"]), ("CS-1", ["a", "b"]), ("cs-10", ["c"]), ("cs-11", [])):
        items = (await api.get("/transactions", params={"station_id": name})).json()["items"]
        assert sorted(item["transaction_id"] for item in items) == found


async def test_letters_outside_of_ascii_keep_their_case(world, api):
    await world.gateway.tell(world.event(0, "Started", "a"), "RDÄM")
    for name, count in (("rdÄm", 1), ("rdäm", 0)):
        assert len((await api.get("/transactions", params={"station_id": name})).json()["items"]) == count
