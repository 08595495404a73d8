"""One station, however it and its operators spell it; and who is refused at the door is seen."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets
from websockets.exceptions import InvalidStatus

PASSWORD = "correct-horse-battery"


async def eventually(check: Callable[[], Awaitable[Any]]) -> Any:
    """What `check` returns once it is truthy; another process works on it meanwhile."""
    async with asyncio.timeout(10):
        while not (found := await check()):  # noqa: ASYNC110  # another process changes it
            await asyncio.sleep(0.05)
    return found


@pytest.fixture
def spelled() -> str:
    return f"Cs-{uuid.uuid4().hex[:12]}-Aa"


async def test_a_station_may_spell_itself_in_another_case(api: Any, connect: Any, spelled: str) -> None:
    body = {"security_profile": 1, "password": PASSWORD}
    (await api.put(f"/stations/{spelled}", json=body)).raise_for_status()
    async with connect(spelled.lower(), password=PASSWORD) as station:
        assert (await station.boot()).status == "Accepted"
        await station.transaction_event("Started", "tx-1", 0, trigger_reason="CablePluggedIn")
        (await api.put(f"/stations/{spelled.upper()}", json={"serial_number": "SN-1"})).raise_for_status()

        async def connected() -> Any:
            found = (await api.get(f"/stations/{spelled.upper()}")).json()
            return found if found["connected"] else None

        assert (await eventually(connected))["station_id"] == spelled
        reset = await api.post(f"/stations/{spelled.upper()}/calls/Reset", json={"type": "OnIdle"})
        assert (reset.json()["outcome"], reset.json()["station_id"]) == ("result", spelled)
    for name in (spelled, spelled.lower(), spelled.upper()):
        items = (await api.get("/transactions", params={"station_id": name})).json()["items"]
        assert [(item["station_id"], item["transaction_id"]) for item in items] == [(spelled, "tx-1")]
    assert (await api.get(f"/stations/{spelled.lower()}/credentials")).json()["id"] == spelled


async def test_an_unknown_station_in_two_spellings_at_once_is_one(api: Any, connect: Any, spelled: str) -> None:
    async def boots(number: int) -> None:
        name = spelled.upper() if number % 2 else spelled.lower()
        async with connect(name, gateway=number) as station:
            with_answer = await station.boot()
            assert with_answer.status == "Accepted"

    await asyncio.gather(*(boots(number) for number in range(4)), return_exceptions=True)  # the newest one stays
    await boots(0)
    await boots(1)

    async def listed() -> Any:
        return (await api.get("/stations", params={"q": spelled})).json()["items"]

    assert len(await eventually(listed)) == 1


async def test_a_station_of_another_version_is_seen(api: Any, system: Any, spelled: str) -> None:
    (await api.put(f"/stations/{spelled}", json={})).raise_for_status()
    with pytest.raises(InvalidStatus) as refusal:
        await websockets.connect(f"{system.ocpp_urls[0]}/{spelled.upper()}", subprotocols=["ocpp1.5"])
    assert refusal.value.response.status_code == 400

    async def listed() -> Any:
        return (await api.get("/refused-handshakes", params={"station_id": spelled.lower()})).json()["items"]

    (item,) = await eventually(listed)
    assert (item["station_id"], item["known"], item["kind"]) == (spelled, True, "bad_subprotocol")
    assert item["reason"].endswith("Offered: ocpp1.5.")
    assert "ocpp1.5" in (await api.get(f"/stations/{spelled}")).json()["last_refusal"]["reason"]
    groups = (await api.get("/refused-handshakes/summary")).json()["items"]
    assert any(group["known"] and group["kind"] == "bad_subprotocol" for group in groups)
