"""Transactions whose Ended event never comes, from the socket to the API."""

import asyncio
from typing import Any

EVENTUALLY_S = 20


async def closed(api: Any, station_id: str, transaction_id: str) -> dict[str, Any]:
    """The transaction, once it has ended."""
    params = {"station_id": station_id, "transaction_id": transaction_id, "state": "Ended"}
    async with asyncio.timeout(EVENTUALLY_S):
        while True:
            items = (await api.get("/transactions", params=params)).json()["items"]
            if items:
                return items[0]  # type: ignore[no-any-return]
            await asyncio.sleep(0.1)


async def asked(station: Any) -> str:
    """The transaction that the CSMS asks about next."""
    action, payload = await asyncio.wait_for(station.received.get(), EVENTUALLY_S)
    assert action == "GetTransactionStatus"
    return payload["transaction_id"]  # type: ignore[no-any-return]


async def test_a_station_that_booted_is_asked(api, connect, station_id):
    async with connect(station_id) as station:
        await station.boot()
        await station.transaction_event("Started", "lost", 0, energy_wh=1000)
        await station.transaction_event("Updated", "lost", 1, energy_wh=1500)
    async with connect(station_id) as station:
        station.ongoing = False
        await station.boot()
        assert await asked(station) == "lost"
        found = await closed(api, station_id, "lost")
        assert (found["close_reason"], found["stopped_reason"], found["energy_wh"]) == ("NotOngoing", None, 500)
        await station.transaction_event("Ended", "lost", 2, energy_wh=2000, stopped_reason="PowerLoss")
    found = await closed(api, station_id, "lost")
    assert (found["stopped_reason"], found["energy_wh"]) == ("PowerLoss", 1000)


async def test_an_evse_has_one_transaction(api, connect, station_id):
    async with connect(station_id) as station:
        station.ongoing = False
        await station.boot()
        await station.transaction_event("Started", "first", 0)
        await station.transaction_event("Started", "second", 0)
        assert await asked(station) == "first"
        assert (await closed(api, station_id, "first"))["close_reason"] == "NotOngoing"
    params = {"station_id": station_id, "state": "Active"}
    items = (await api.get("/transactions", params=params)).json()["items"]
    assert [item["transaction_id"] for item in items] == ["second"]
