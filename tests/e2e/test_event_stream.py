"""Domain events over HTTP, as they happen, in both modes."""

import asyncio
from typing import Any

import orjson


async def followed(api: Any, until: str, **parameters: str) -> list[tuple[str, int, dict[str, Any]]]:
    """What a stream says up to the first event of that type: type, number and the event."""
    found = []
    async with asyncio.timeout(20), api.stream("GET", "/events/stream", params=parameters) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                found.append((fields["event"], int(fields["id"]), orjson.loads(fields["data"])))
                if fields["event"] == until:
                    break
                fields = {}
            else:
                fields = {}
    return found


async def test_a_session_is_followed_and_gone_on_with(api, connect, station_id):
    await api.put(f"/id-tokens/ISO14443/{station_id}", json={"status": "Blocked"})
    following = asyncio.create_task(followed(api, "transaction_ended", station_id=station_id))
    await asyncio.sleep(0.5)  # most of the times it is open now; what comes before is asked for below
    async with connect(station_id) as station:
        await station.boot()
        await station.authorize(station_id)
        await station.status(1, 1, "Faulted")
        await station.transaction_event("Started", "tx", 0, id_token=station_id, energy_wh=1000)
        await station.transaction_event("Ended", "tx", 1, energy_wh=1500)
    live = await following
    everything = await followed(api, "station_disconnected", station_id=station_id, last_event_id=str(live[0][1] - 1))
    kinds = [kind for kind, _, _ in everything]
    assert {"authorization_decided", "connector_status_changed", "transaction_started"} < set(kinds)
    told = {kind: event["data"] for kind, _, event in everything}
    assert told["authorization_decided"]["status"] == "Blocked"
    assert told["connector_status_changed"]["status"] == "Faulted"
    assert told["transaction_ended"]["transaction"]["energy_wh"] == 500
    assert told["station_disconnected"]["close_code"] == 1000
    numbers = [number for _, number, _ in everything]
    assert numbers == sorted(set(numbers))
    (ended,) = [one for one in everything if one[0] == "transaction_ended"]
    assert ended in live
    gone_on = await followed(api, "station_disconnected", station_id=station_id, last_event_id=str(ended[1]))
    assert ended[1] not in [number for _, number, _ in gone_on]
