"""The one call that answers "what happened at that station at 14:05?", in both modes."""

import asyncio

DEADLINE_S = 30


async def test_a_timeline_has_what_happened(connect, api, station_id):
    async with connect(station_id) as station:
        await station.boot()
        await station.status(1, 1, "Available")
        await station.transaction_event("Started", "tx", 0, energy_wh=0.0)
        await station.transaction_event("Ended", "tx", 1, energy_wh=10.0)
    wanted = {
        "station_connected",
        "station_booted",
        "connector_status_changed",
        "transaction_started",
        "transaction_ended",
        "station_disconnected",
    }
    async with asyncio.timeout(DEADLINE_S):
        while True:
            items = (await api.get(f"/stations/{station_id}/timeline")).raise_for_status().json()["items"]
            if wanted <= {one["type"] for one in items}:
                break
            await asyncio.sleep(0.1)  # what other services do meanwhile shows nowhere else
    times = [one["occurred_at"] for one in items]
    assert times == sorted(times, reverse=True)
    (booted,) = (await api.get(f"/stations/{station_id}/timeline", params={"type": "station_booted"})).json()["items"]
    assert booted["detail"]["vendor_name"] == "Vendor"
