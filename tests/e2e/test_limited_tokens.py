"""Cards that are limited to a site and labels, in both modes: at Authorize, TransactionEvent and StartTransaction."""

import json
import uuid

import pytest
import websockets


@pytest.fixture
def run() -> str:
    return uuid.uuid4().hex[:8]


async def put(api, path, **body):
    (await api.put(path, json=body)).raise_for_status()


async def start_16(system, station_id, card):
    """What a StartTransaction of OCPP 1.6 is told of the card."""
    async with websockets.connect(f"{system.ocpp_urls[0]}/{station_id}", subprotocols=["ocpp1.6"]) as socket:

        async def call(action, **payload):
            name = uuid.uuid4().hex
            await socket.send(json.dumps([2, name, action, payload]))
            while (answer := json.loads(await socket.recv()))[:2] != [3, name]:
                assert answer[0] == 2, answer
            return answer[2]

        await call("BootNotification", chargePointVendor="Vendor", chargePointModel="Model")
        start = {"connectorId": 1, "idTag": card, "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
        return (await call("StartTransaction", **start))["idTagInfo"]["status"]


async def test_at_the_stations_of_a_site_only(connect, system, api, station_id, run):
    card, site, elsewhere = f"LIM{run}".upper(), f"site-{run}", f"{station_id}-2"
    await put(api, f"/sites/{site}", name="Harbour")
    await put(api, f"/stations/{station_id}", site_id=site, labels={"run": run})
    await put(api, f"/id-tokens/ISO14443/{card}", status="Accepted", site_ids=[site], labels={"run": run})
    for name, status in ((station_id, "Accepted"), (elsewhere, "NotAtThisLocation")):
        async with connect(name) as station:
            await station.boot()
            assert (await station.authorize(card))["status"] == status
            answer = await station.transaction_event("Started", "tx", 0, trigger_reason="Authorized", id_token=card)
            assert answer.id_token_info["status"] == status
    assert await start_16(system, station_id, card) == "Accepted"
    assert await start_16(system, elsewhere, card) == "Blocked"
    await put(api, f"/stations/{station_id}", labels={})
    async with connect(station_id) as station:
        await station.boot()
        assert (await station.authorize(card))["status"] == "NotAtThisLocation"
    found = (await api.get("/stations", params={"site_id": site})).raise_for_status().json()
    assert [item["id"] for item in found["items"]] == [station_id]
