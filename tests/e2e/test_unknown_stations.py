"""Where unknown stations are let in, what was trusted once needs its password all the same."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

PASSWORD, OTHER = "correct-horse-battery", "battery-horse-correct"


async def refused(connect: Any, station_id: str, password: str | None = None) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(station_id, password=password):
            pass
    assert refusal.value.response.status_code == 401


async def boots(connect: Any, station_id: str, password: str | None = None) -> None:
    async with connect(station_id, password=password) as station:
        assert (await station.boot()).status == "Accepted"


async def test_one_that_never_had_a_password_comes_back_without(connect: Any, station_id: str) -> None:
    for _ in range(2):
        await boots(connect, station_id)


async def test_one_that_came_with_a_password_needs_it(api: Any, connect: Any, station_id: str) -> None:
    await boots(connect, station_id, PASSWORD)
    await refused(connect, station_id)
    await refused(connect, station_id, OTHER)
    await boots(connect, station_id, PASSWORD)
    assert (await api.get(f"/stations/{station_id}/credentials")).json()["password_claimed"]


@pytest.mark.parametrize("known_before", [False, True])
async def test_one_that_is_registered_for_passwords_needs_one(
    api: Any, connect: Any, station_id: str, *, known_before: bool
) -> None:
    if known_before:
        await boots(connect, station_id)
    (await api.put(f"/stations/{station_id}", json={"security_profile": 1})).raise_for_status()
    await refused(connect, station_id)
    await refused(connect, station_id, PASSWORD)
    why = (await api.get(f"/stations/{station_id}/credentials")).json()["password_missing"]
    assert "security profile 1" in why
    (await api.put(f"/stations/{station_id}", json={"password": PASSWORD})).raise_for_status()
    await boots(connect, station_id, PASSWORD)


async def test_the_operator_sees_why_and_whether_there_is_a_password(api: Any, connect: Any, station_id: str) -> None:
    async def shown(as_wanted: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(10):
            while True:
                station = (await api.get(f"/stations/{station_id}")).raise_for_status().json()
                if as_wanted(station):
                    return station
                await asyncio.sleep(0.05)

    station = (await api.put(f"/stations/{station_id}", json={"security_profile": 1})).raise_for_status().json()
    assert (station["password_set"], station["last_refusal"]) == (False, None)
    await refused(connect, station_id)
    refusal = (await shown(lambda station: station["last_refusal"]))["last_refusal"]
    assert (refusal["http_status"], refusal["security_event"]) == (401, "FailedToAuthenticateAtCsms")
    assert refusal["reason"] == "no password is set for this station, which security profile 1 demands"
    credentials = f"/stations/{station_id}/credentials"
    (await api.put(credentials, json={"password": PASSWORD})).raise_for_status()
    await shown(lambda station: station["password_set"])
    await boots(connect, station_id, PASSWORD)
    (await api.delete(credentials)).raise_for_status()
    await shown(lambda station: not station["password_set"])
