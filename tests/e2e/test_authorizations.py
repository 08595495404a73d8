"""Who is billed, in both modes: the card that was accepted, and no more transactions at a time than it may be in."""

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest


@pytest.fixture
def token() -> str:
    return f"TAG{uuid.uuid4().hex[:12].upper()}"


async def put_token(api: httpx2.AsyncClient, id_token: str, **fields: Any) -> None:
    (await api.put(f"/id-tokens/ISO14443/{id_token}", json=fields)).raise_for_status()


async def the_transaction(api: httpx2.AsyncClient, station_id: str) -> dict[str, Any]:
    (item,) = (await api.get("/transactions", params={"station_id": station_id})).raise_for_status().json()["items"]
    return (await api.get(f"/transactions/{item['id']}")).raise_for_status().json()


async def begin(station: Any, id_token: str, seq_no: int = 0) -> str:
    kind = "Updated" if seq_no else "Started"
    answer = await station.transaction_event(kind, "tx", seq_no, trigger_reason="Authorized", id_token=id_token)
    return answer.id_token_info["status"]  # type: ignore[no-any-return]


async def test_the_card_that_was_refused_is_not_billed(connect, api, station_id, token):
    bad = f"{token}B"
    await put_token(api, token, status="Accepted", group_id="FLEET")
    await put_token(api, bad, status="Blocked", group_id="OTHERS")
    async with connect(station_id) as station:
        await station.boot()
        assert await begin(station, bad) == "Blocked"
        assert await begin(station, token, seq_no=1) == "Accepted"
        await station.transaction_event("Ended", "tx", 2, trigger_reason="StopAuthorized", id_token=bad)
    found = await the_transaction(api, station_id)
    assert (found["id_token"], found["group_id_token"], found["stop_id_token"]) == (token, "FLEET", bad)
    assert [(one["token"], one["status"], one["stops"]) for one in found["authorizations"]] == [
        (bad, "Blocked", False),
        (token, "Accepted", False),
        (bad, "Blocked", True),
    ]


async def test_a_card_is_in_no_more_transactions_than_it_may_be(connect, api, station_id, token):
    await put_token(api, token, status="Accepted", concurrent_tx_limit=2)
    names = [f"{station_id}-{number}" for number in range(6)]
    async with AsyncExitStack() as stack:
        stations = [await stack.enter_async_context(connect(name, gateway=at)) for at, name in enumerate(names)]
        for station in stations:
            await station.boot()
        answers = await asyncio.gather(*(begin(station, token.lower()) for station in stations))
        assert sorted(answers) == ["Accepted"] * 2 + ["ConcurrentTx"] * 4
        ending = stations[answers.index("Accepted")]
        assert (await ending.authorize(token))["status"] == "Accepted"
        await ending.transaction_event("Ended", "tx", 1)
        waiting = answers.index("ConcurrentTx")
        assert await begin(stations[waiting], token, seq_no=1) == "Accepted"
        found = await the_transaction(api, names[waiting])
        assert [one["status"] for one in found["authorizations"]] == ["ConcurrentTx", "Accepted"]
        assert found["id_token"] == token
