"""What is no handshake, or a slow one, or one of too many."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from csms_runtime import metrics
from prometheus_client import REGISTRY

if TYPE_CHECKING:
    from conftest import StartTls, Tls

DEADLINE_S = 10


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 50], ids=["nothing", "HTTP", "zeros"]
)
async def test_what_is_no_tls_is_closed_and_not_told(tls: "Tls", sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", tls.port)
    writer.write(sent)
    if not sent:
        writer.write_eof()
    async with asyncio.timeout(DEADLINE_S):
        with suppress(ConnectionResetError):
            await reader.read()
    writer.close()
    await tls.handshake(tls.context())  # it still serves
    assert tls.nothing_told


async def test_a_silent_handshake_ends_in_time(start_tls: "StartTls") -> None:
    tls = await start_tls(ocpp_tls_handshake_timeout_s=0.2)
    before = counted("timeout")
    reader, writer = await asyncio.open_connection("127.0.0.1", tls.port)
    async with asyncio.timeout(DEADLINE_S):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    assert counted("timeout") == before + 1
    assert tls.nothing_told


async def test_handshakes_beyond_the_limit_wait_in_the_systems_queue(start_tls: "StartTls") -> None:
    tls = await start_tls(max_handshakes=1, ocpp_tls_handshake_timeout_s=0.3)
    _, silent = await asyncio.open_connection("127.0.0.1", tls.port)
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*(tls.handshake(tls.context()) for _ in range(5)))
    silent.close()


async def test_refusals_of_an_address_are_told_once_a_minute(tls: "Tls") -> None:
    for _ in range(3):
        await tls.s_client(*tls.shown(tls.pki.unknown_client("SN-1")))
    await tls.refusal()
    assert tls.nothing_told
    assert counted("bad_certificate") >= 3


async def test_an_address_is_counted_as_refused_until_it_is_let_in(tls: "Tls") -> None:
    for _ in range(2):
        await tls.s_client(*tls.shown(tls.pki.unknown_client("SN-1")))
    await tls.refusal()
    assert refused_addresses("bad_certificate") == 1
    await tls.handshake(tls.context())
    assert refused_addresses("bad_certificate") == 0


def refused_addresses(reason: str) -> float | None:
    return REGISTRY.get_sample_value("csms_gateway_tls_refused_addresses", {"reason": reason})


def counted(result: str) -> float:
    """Handshakes so far that ended so."""
    return metrics.GATEWAY_TLS_HANDSHAKES.labels(result, "")._value.get()
