"""The main job as a user does it: a station of another make boots, authorizes, charges, stops and is commanded."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest


async def eventually(check: Callable[[], Awaitable[Any]], deadline_s: float = 10) -> Any:
    """What `check` returns once it is truthy; another process works on it meanwhile."""
    async with asyncio.timeout(deadline_s):
        while not (found := await check()):  # noqa: ASYNC110  # another process changes it
            await asyncio.sleep(0.05)
    return found


async def put_token(api: httpx2.AsyncClient, id_token: str, **fields: Any) -> None:
    (await api.put(f"/id-tokens/ISO14443/{id_token}", json=fields)).raise_for_status()


@pytest.fixture
def token() -> str:
    return f"TAG{uuid.uuid4().hex[:12].upper()}"


async def the_transaction(api: httpx2.AsyncClient, station_id: str) -> dict[str, Any]:
    answer = await api.get("/transactions", params={"station_id": station_id})
    (item,) = answer.raise_for_status().json()["items"]
    return (await api.get(f"/transactions/{item['id']}")).raise_for_status().json()


async def test_boot_is_accepted_and_shown(connect, api, station_id):
    async with connect(station_id) as station:
        answer = await station.boot()
        assert answer.status == "Accepted"
        assert answer.interval > 0
        await station.status(1, 1, "Available")

        async def shown():
            found = (await api.get(f"/stations/{station_id}")).json()
            return found if found.get("connected") and found.get("evses") else None

        shown_station = await eventually(shown)
    assert shown_station["protocol"] == "ocpp2.0.1"
    assert shown_station["evses"][0]["evse_id"] == 1
    assert shown_station["evses"][0]["connectors"][0]["status"] == "Available"
    assert "password" not in shown_station


async def test_disconnect_is_shown(connect, api, station_id):
    async with connect(station_id) as station:
        await station.boot()

    async def gone():
        return (await api.get(f"/stations/{station_id}")).json().get("connected") is False

    await eventually(gone)


async def test_authorize_accepted_blocked_unknown_and_grouped(connect, api, station_id, token):
    await put_token(api, token, status="Accepted", group_id="GROUP-E2E")
    await put_token(api, token + "B", status="Blocked")
    async with connect(station_id) as station:
        await station.boot()
        accepted = await station.authorize(token.lower())
        assert accepted["status"] == "Accepted"
        assert accepted["group_id_token"]["id_token"] == "GROUP-E2E"
        assert (await station.authorize(token + "B"))["status"] == "Blocked"
        assert (await station.authorize("NOBODY"))["status"] in {"Unknown", "Invalid"}


async def test_transaction_with_meter_values(connect, api, station_id, token):
    await put_token(api, token, status="Accepted")
    async with connect(station_id) as station:
        await station.boot()
        started = await station.transaction_event(
            "Started", "tx-1", 0, trigger_reason="Authorized", id_token=token, energy_wh=1000
        )
        assert started.id_token_info["status"] == "Accepted"
        updated = await station.transaction_event("Updated", "tx-1", 1, energy_wh=1500, charging_state="Charging")
        assert updated.id_token_info is None
        running = await the_transaction(api, station_id)
        assert running["state"] == "Active"
        await station.transaction_event(
            "Ended", "tx-1", 2, trigger_reason="StopAuthorized", energy_wh=3500, stopped_reason="Local"
        )
    ended = await the_transaction(api, station_id)
    assert ended["state"] == "Ended"
    assert ended["energy_wh"] == 2500
    assert ended["stopped_reason"] == "Local"
    assert ended["gaps"] == []
    events = (await api.get(f"/transactions/{ended['id']}/events")).raise_for_status().json()["items"]
    assert [event["seq_no"] for event in events] == [0, 1, 2]


async def test_repeated_and_reversed_events_are_stored_once(connect, api, station_id, token):
    await put_token(api, token, status="Accepted")
    async with connect(station_id) as station:
        await station.boot()
        times = [f"2026-01-01T00:0{minute}:00Z" for minute in range(3)]
        for kind, seq_no, fields in (
            ("Ended", 2, {"trigger_reason": "StopAuthorized", "energy_wh": 300}),
            ("Updated", 1, {"energy_wh": 200}),
            ("Started", 0, {"trigger_reason": "Authorized", "id_token": token, "energy_wh": 100}),
            ("Started", 0, {"trigger_reason": "Authorized", "id_token": token, "energy_wh": 100}),
        ):
            answer = await station.transaction_event(kind, "tx-r", seq_no, at=times[seq_no], **fields)
        assert answer.id_token_info["status"] == "Accepted"
    found = await the_transaction(api, station_id)
    assert found["state"] == "Ended"
    assert found["energy_wh"] == 200
    events = (await api.get(f"/transactions/{found['id']}/events")).json()["items"]
    assert [event["seq_no"] for event in events] == [0, 1, 2]


async def test_reset_over_http(connect, api, station_id):
    async with connect(station_id) as station:
        await station.boot()
        answer = await api.post(f"/stations/{station_id}/calls/Reset", json={"type": "OnIdle"})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["outcome"] == "result"
        assert body["response"] == {"status": "Accepted"}
        action, payload = await station.received.get()
        assert (action, payload["type"]) == ("Reset", "OnIdle")
    call = (await api.get(f"/calls/{body['call_id']}")).raise_for_status().json()
    assert call["outcome"] == "result"
    history = (await api.get(f"/stations/{station_id}/calls")).json()["items"]
    assert body["call_id"] in [item["call_id"] for item in history]


async def test_remote_start_and_stop_over_http(connect, api, station_id, token):
    await put_token(api, token, status="Accepted")
    async with connect(station_id) as station:
        await station.boot()
        id_token = {"idToken": token, "type": "ISO14443"}
        answer = await api.post(f"/stations/{station_id}/remote-start", json={"id_token": id_token, "evse_id": 1})
        assert answer.status_code == 200, answer.text
        assert answer.json()["response"]["status"] == "Accepted"
        action, payload = await station.received.get()
        assert action == "RequestStartTransaction"
        assert payload["id_token"]["id_token"] == token
        await station.transaction_event(
            "Started",
            "tx-rs",
            0,
            trigger_reason="RemoteStart",
            id_token=token,
            remote_start_id=payload["remote_start_id"],
        )
        found = await the_transaction(api, station_id)
        stopped = await api.post(f"/transactions/{found['id']}/remote-stop")
        assert stopped.status_code == 200, stopped.text
        action, payload = await station.received.get()
        assert (action, payload["transaction_id"]) == ("RequestStopTransaction", "tx-rs")


@pytest.mark.parametrize("by_call", [False, True])
async def test_a_token_of_ours_is_good_for_the_transaction_it_starts(connect, api, station_id, token, by_call):
    ours = {"idToken": token, "type": "Central"}
    path, body = "remote-start", {"id_token": ours, "evse_id": 1}
    if by_call:
        path, body = "calls/RequestStartTransaction", {"remoteStartId": 4711, "idToken": ours, "evseId": 1}
    async with connect(station_id) as station:
        await station.boot()
        answer = await api.post(f"/stations/{station_id}/{path}", json=body)
        assert answer.status_code == 200, answer.text
        _, payload = await station.received.get()
        told = await station.transaction_event(
            "Started",
            "tx-central",
            0,
            trigger_reason="RemoteStart",
            id_token=token,
            token_type="Central",
            remote_start_id=payload["remote_start_id"],
        )
    assert told.id_token_info["status"] == "Accepted"


async def test_call_to_a_station_that_is_not_connected(api, station_id):
    (await api.put(f"/stations/{station_id}", json={"registration": "Accepted"})).raise_for_status()
    answer = await api.post(f"/stations/{station_id}/calls/Reset", json={"type": "OnIdle"})
    assert answer.status_code == 409
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["outcome"] == "not_connected"


async def test_whether_a_password_is_set_is_the_same_everywhere(api, station_id):
    password = {"password": "correct-horse-battery"}
    (await api.put(f"/stations/{station_id}", json={"security_profile": 1, **password})).raise_for_status()
    for method, more, is_set in (("DELETE", {}, False), ("PUT", {"json": password}, True), ("DELETE", {}, False)):
        (await api.request(method, f"/stations/{station_id}/credentials", **more)).raise_for_status()
        shown = [
            (await api.get(f"/stations/{station_id}{path}")).json()["password_set"] for path in ("", "/credentials")
        ]
        assert shown == [is_set, is_set]


async def test_pending_then_accepted(connect, api, station_id):
    (await api.put(f"/stations/{station_id}", json={"registration": "Pending"})).raise_for_status()
    async with connect(station_id) as station:
        answer = await station.boot()
        assert answer.status == "Pending"
        assert answer.interval > 0
        (await api.put(f"/stations/{station_id}", json={"registration": "Accepted"})).raise_for_status()
        assert (await station.boot()).status == "Accepted"
        await station.status(1, 1, "Available")


async def test_a_command_reaches_a_station_on_either_gateway_and_follows_it(connect, api, station_id):
    async with connect(station_id, gateway=0) as first:
        await first.boot()
        answer = await api.post(f"/stations/{station_id}/calls/Reset", json={"type": "OnIdle"})
        assert answer.status_code == 200, answer.text
        async with connect(station_id, gateway=1) as second:
            await second.status(1, 1, "Available")

            async def reaches_second():
                moved = await api.post(f"/stations/{station_id}/calls/Reset", json={"type": "Immediate"})
                return moved.status_code == 200 and not second.received.empty()

            await eventually(reaches_second)
            action, payload = await second.received.get()
            assert (action, payload["type"]) == ("Reset", "Immediate")

            async def still_connected():
                return (await api.get(f"/stations/{station_id}")).json()["connected"]

            assert await eventually(still_connected)
