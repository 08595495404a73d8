"""Cards that are limited to a site and labels, in both modes: at Authorize, TransactionEvent and StartTransaction."""

import uuid

import pytest


@pytest.fixture
def run() -> str:
    return uuid.uuid4().hex[:8]


async def put(api, path, **body):
    (await api.put(path, json=body)).raise_for_status()


async def test_at_the_stations_of_a_site_only(connect, api, station_id, run):
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
    await put(api, f"/stations/{station_id}", labels={})
    async with connect(station_id) as station:
        await station.boot()
        assert (await station.authorize(card))["status"] == "NotAtThisLocation"
    found = (await api.get("/stations", params={"site_id": site})).raise_for_status().json()
    assert [item["id"] for item in found["items"]] == [station_id]
