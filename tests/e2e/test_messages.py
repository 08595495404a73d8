"""The message log in both modes: what a station sent and was sent, joined, without secrets."""

import asyncio
import os
import signal

import pytest
import websockets

DEADLINE_S = 30
PASSWORD = "a-password-that-nobody-reads"


async def messages(api, station_id, wanted, **filters):
    """What is logged of a station, once there is so much of it."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = await api.get(f"/stations/{station_id}/messages", params=filters)
            items = answer.raise_for_status().json()["items"]
            if len(items) >= wanted:
                return items
            await asyncio.sleep(0.1)  # what other services do meanwhile shows nowhere else


async def test_what_a_station_sent_and_was_sent_is_shown(connect, api, station_id):
    async with connect(station_id) as station:
        await station.boot()
        await station.status(1, 1, "Available")
        place = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        call = {"setVariableData": [{"attributeValue": PASSWORD, **place}]}
        path = f"/stations/{station_id}/calls/SetVariables"
        answer = await api.post(path, json=call, params={"timeout_s": 20})
        assert answer.json()["outcome"] in {"result", "error"}, answer.text
    items = await messages(api, station_id, 3)
    shown = {one["action"]: one for one in items}
    assert shown["BootNotification"]["direction"] == "in"
    assert shown["BootNotification"]["outcome"] == "result"
    assert '"Accepted"' in shown["BootNotification"]["answer"]["text"]
    assert shown["BootNotification"]["latency_ms"] > 0
    assert shown["SetVariables"]["direction"] == "out"
    assert PASSWORD not in str(items)
    found = await messages(api, station_id, 1, text='"available"', direction="in")
    assert [one["action"] for one in found] == ["StatusNotification"]


async def test_what_was_refused_is_shown_with_the_reason(system, api, station_id):
    url = f"{system.ocpp_urls[0]}/{station_id}"
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("ocpp2.0.1")]) as raw:
        await raw.send('[2,"1","BootNotification",{"reason":"PowerUp"}]')
        assert '"1"' in await raw.recv()
        await raw.send("[2,")
        await raw.recv()
    broken, invalid = await messages(api, station_id, 2, outcome="refused")
    assert (broken["request"]["text"], broken["notice"]["kind"]) == ("[2,", "invalid_frame")
    assert invalid["notice"]["kind"] == "call_refused"
    assert "chargingStation" in invalid["notice"]["detail"]


async def test_it_can_be_switched_off_for_a_station(connect, api, station_id):
    path = f"/stations/{station_id}/message-log"
    (await api.put(path, json={"enabled": False})).raise_for_status()
    assert (await api.get(path)).json() == {"enabled": False, "keep_days": None}
    other = f"{station_id}-2"
    async with connect(station_id) as station, connect(other) as seen:
        await station.boot()
        await seen.boot()
    await messages(api, other, 1)
    assert await messages(api, station_id, 0) == []


@pytest.mark.alone
async def test_a_history_service_that_stands_still_delays_no_answer(system, connect, api, station_id):
    """What stations were answered meanwhile is shown when it goes on."""
    if "history-0" not in system.pids:
        pytest.skip("all services are one process")
    async with connect(station_id) as station:
        await station.boot()
        os.kill(system.pids["history-0"], signal.SIGSTOP)
        try:
            async with asyncio.timeout(DEADLINE_S):
                for _ in range(20):
                    await station.status(1, 1, "Available")
        finally:
            os.kill(system.pids["history-0"], signal.SIGCONT)
    assert len(await messages(api, station_id, 21)) == 21
