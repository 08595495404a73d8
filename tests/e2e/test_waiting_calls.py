"""A call waits for its station to come back, on a running system."""

import asyncio
from datetime import UTC, datetime, timedelta

RESET = {"type": "OnIdle"}


async def completed(api, call_id):
    while True:
        call = (await api.get(f"/calls/{call_id}")).json()
        if call["state"] == "completed":
            return call
        await asyncio.sleep(0.05)


async def test_a_call_waits_until_its_station_has_booted(api, connect, station_id):
    (await api.put(f"/stations/{station_id}", json={})).raise_for_status()
    until = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    path = f"/stations/{station_id}/calls"
    first = await api.post(f"{path}/Reset", json=RESET, params={"deliver_until": until})
    newer = await api.post(
        f"{path}/Reset", json={"type": "Immediate"}, params={"deliver_until": until, "replace": True}
    )
    assert [(each.status_code, each.json()["state"]) for each in (first, newer)] == [(202, "waiting")] * 2
    async with connect(station_id) as station:
        await station.boot()
        action, payload = await asyncio.wait_for(station.received.get(), 15)
        assert (action, payload["type"]) == ("Reset", "Immediate")
        call = await asyncio.wait_for(completed(api, newer.json()["call_id"]), 10)
        assert (call["outcome"], call["response"]["status"]) == ("result", "Accepted")
        assert (await api.get(f"/calls/{first.json()['call_id']}")).json()["outcome"] == "cancelled"
        assert station.received.empty()
