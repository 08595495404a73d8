"""Connections with TLS are as those without."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from conftest import StartTls, Tls


async def test_messages_pass_in_both_directions(tls: "Tls") -> None:
    tls.system.services.answers["DataTransfer"] = {"status": "Accepted", "data": "x" * 200_000}
    async with tls.station() as station:
        await station.send([2, "1", "DataTransfer", {"vendorId": "x", "data": "y" * 200_000}])
        assert (await station.receive())[2]["data"] == "x" * 200_000


async def test_plain_and_tls_share_the_limit_of_connections(start_tls: "StartTls") -> None:
    tls = await start_tls(max_connections=1)
    await tls.system.connect("CS1")
    await tls.system.services.connection("CS1")
    with pytest.raises(InvalidStatus) as error:
        async with tls.station(station_id="CS2"):
            pass
    assert error.value.response.status_code == 503


async def test_a_newer_connection_with_tls_replaces_one_without(tls: "Tls") -> None:
    plain = await tls.system.connect("CS1")
    await tls.system.services.connection("CS1")
    async with tls.station():
        assert await plain.closed() == (1000, "replaced")


async def test_it_drains_like_the_other(tls: "Tls") -> None:
    _, silent = await asyncio.open_connection("127.0.0.1", tls.port)
    async with tls.station() as station:
        await tls.system.services.connection("CS1")
        await tls.system.shut_down()
        assert (await station.closed())[0] == 1001
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", tls.port)
    silent.close()


async def test_without_the_plain_endpoint_only_tls_is_there(start_tls: "StartTls") -> None:
    tls = await start_tls(ocpp_plain=False)
    assert tls.system.gateway.port == tls.port
    async with tls.station():
        assert (await tls.request()).security_profile == 2
    await tls.system.shut_down()
