"""On uvloop, which has a TLS of its own and is what the product runs on."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING

import uvloop
from csms_testing.pki import Pki

if TYPE_CHECKING:
    from conftest import Tls

RunningTls = Callable[..., AbstractAsyncContextManager["Tls"]]
DEADLINE_S = 10


def test_all_of_it_on_uvloop(running_tls: RunningTls, made_pki: Pki) -> None:
    async def scenario() -> None:
        async with running_tls(ocpp_tls_handshake_timeout_s=0.5) as tls:
            await refuses(tls)
            await a_silent_one_is_closed(tls)
            await serves_and_drains(tls)

    async def refuses(tls: "Tls") -> None:
        output = await tls.s_client("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        assert "alert protocol version" in output
        assert (await tls.refusal()).security_event == "InvalidTLSVersion"
        for version in ("-tls1_2", "-tls1_3"):
            output = await tls.s_client(version, "-ign_eof", *tls.shown(made_pki.expired_client("SN-1")))
            assert "alert certificate expired" in output

    async def a_silent_one_is_closed(tls: "Tls") -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", tls.port)
        async with asyncio.timeout(DEADLINE_S):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()

    async def serves_and_drains(tls: "Tls") -> None:
        client = made_pki.client("SN-1")
        async with tls.station(tls.context(client), password=None) as station:
            assert (await tls.request()).client_certificate == client.der
            tls.system.services.answers["DataTransfer"] = {"status": "Accepted", "data": "x" * 200_000}
            await station.send([2, "1", "DataTransfer", {"vendorId": "x", "data": "y" * 200_000}])
            assert (await station.receive())[2]["data"] == "x" * 200_000
            await tls.system.shut_down()
            assert (await station.closed())[0] == 1001

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
