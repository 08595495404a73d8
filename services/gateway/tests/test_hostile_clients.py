"""Clients that want to hurt: slow ones, half-open ones, large ones. Others do not notice, and each is cut off."""

import asyncio
import base64
import gc
import os
import ssl
import struct
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from csms_gateway import tls_listener
from csms_testing.pki import Pki
from csms_testing.scripted import basic
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from conftest import Running, System

DEADLINE_S = 10
PATIENCE_S = 0.4
"""How long the gateway waits for a request in these tests."""
SOON = {"request_timeout_s": PATIENCE_S}

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def opened(port: int, count: int = 1) -> AsyncIterator[list[Streams]]:
    """TCP connections."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            streams = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(streams[1].transport.abort)
            found.append(streams)
        yield found


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """Everything until the gateway ends the connection."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def is_served(system: "System", station_id: str = "GOOD") -> bool:
    station = await system.connect(station_id)
    answer = await station.call("Heartbeat", {})
    return "currentTime" in answer[2]


def upgrade(station_id: str = "CS1", *more: str) -> bytes:
    """A request to connect that offers compression."""
    lines = [
        f"GET /ocpp/{station_id} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: ocpp2.0.1",
        "Sec-WebSocket-Extensions: permessage-deflate",
        f"Authorization: {basic(station_id, 'secret password 1')['Authorization']}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_silent_connections_are_cut_and_hinder_nobody(running_gateway: "Running") -> None:
    async with running_gateway(**SOON) as system, opened(system.gateway.port, 100) as silent:
        assert await is_served(system)
        assert [await end_of(reader) for reader, _ in silent] == [b""] * 100


async def test_a_request_byte_by_byte_is_cut_although_something_comes_all_the_time(running_gateway: "Running") -> None:
    async with running_gateway(**SOON) as system, opened(system.gateway.port) as [(reader, writer)]:

        async def drip() -> None:
            for byte in upgrade() * 1000:
                writer.write(bytes([byte]))
                await asyncio.sleep(PATIENCE_S / 100)

        dripping = asyncio.create_task(drip())
        assert await end_of(reader) == b""
        assert not dripping.done()
        dripping.cancel()
        assert await is_served(system)


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /" + b"x" * 100_000, 414),
        (upgrade("CS1", "X-Long: " + "x" * 100_000), 431),
        (upgrade("CS1", *[f"X-{number}: x" for number in range(500)]), 431),
    ],
)
async def test_oversized_requests_are_refused_before_they_are_complete(
    system: "System", request_head: bytes, status: int
) -> None:
    async with opened(system.gateway.port) as [(reader, writer)]:
        writer.write(request_head)
        answer = await end_of(reader)
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:60]
        assert await is_served(system)


async def test_when_too_many_say_nothing_the_oldest_give_way(running_gateway: "Running") -> None:
    async with running_gateway(max_connections=20) as system, opened(system.gateway.port, 60) as silent:
        assert [await end_of(reader) for reader, _ in silent[:40]] == [b""] * 40
        assert await is_served(system)
        assert not any(reader.at_eof() for reader, _ in silent[-19:])


# ---- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def tls_settings(pki: Pki, **more: object) -> dict[str, object]:
    return {"ocpp_tls_port": 0, "ocpp_tls_certificates": [files.setting for files in pki.servers], **more}


async def is_served_with_tls(system: "System", pki: Pki) -> bool:
    async with connect(
        f"wss://127.0.0.1:{system.gateway.tls_port}/ocpp/GOOD",
        ssl=pki.context(),
        subprotocols=["ocpp2.0.1"],
        additional_headers=basic("GOOD", "secret password 1"),
        proxy=None,
        open_timeout=DEADLINE_S,
    ):
        return True


def client_hello(pki: Pki) -> bytes:
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        pki.context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("says_hello", [False, True])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_half_open_tls_handshakes_hinder_nobody_and_are_cut(
    running_gateway: "Running",
    pki: Pki,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[[Coroutine[Any, Any, None]], None],
    *,
    says_hello: bool,
) -> None:
    """On both loops: each has a TLS of its own, and the product runs on uvloop."""
    monkeypatch.setattr(tls_listener, "PATIENCE_S", 0.1)
    settings = tls_settings(pki, max_handshakes=10, ocpp_tls_handshake_timeout_s=1.5)

    async def scenario() -> None:
        async with running_gateway(**settings) as system, opened(system.gateway.tls_port or 0, 100) as half_open:
            for _, writer in half_open:
                writer.write(client_hello(pki) if says_hello else b"")
            assert await is_served_with_tls(system, pki)
            await asyncio.gather(*(end_of(reader) for reader, _ in half_open))

    run(scenario())


async def test_a_tls_connection_without_a_request_is_cut(running_gateway: "Running", pki: Pki) -> None:
    async with running_gateway(**tls_settings(pki, **SOON)) as system:
        reader, writer = await asyncio.open_connection("127.0.0.1", system.gateway.tls_port, ssl=pki.context())
        assert await end_of(reader) == b""
        writer.close()


# ---- Large messages --------------------------------------------------------------------------------------------------

MAX_BYTES = 64 * 1024
TEXT, CONTINUATION, FIN, COMPRESSED = 0x1, 0x0, 0x80, 0x40


def frame(first: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros."""
    return struct.pack(">BBQ4x", first, 0x80 | 127, len(payload)) + payload


def deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=-15)
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


BOMB = deflated(bytes(200 * 1024 * 1024))
HALF = deflated(b" " * (MAX_BYTES // 2 + 1))


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param([frame(FIN | TEXT | COMPRESSED, BOMB)], 1009, id="compressed a thousand times"),
        pytest.param([frame(FIN | TEXT, bytes(MAX_BYTES + 1))], 1009, id="just too large"),
        pytest.param([struct.pack(">BBQ4x", FIN | TEXT, 0x80 | 127, 2**40)], 1009, id="a tebibyte is announced"),
        pytest.param(
            [frame(TEXT, b" " * (MAX_BYTES // 2 + 1)), frame(CONTINUATION, b" " * (MAX_BYTES // 2 + 1))],
            1009,
            id="too large in parts",
        ),
        pytest.param(
            [frame(TEXT | COMPRESSED, HALF), frame(FIN | CONTINUATION, HALF)], 1009, id="too large in compressed parts"
        ),
        pytest.param(
            [frame(TEXT, b" "), *[frame(CONTINUATION, b"")] * 100_000], 1009, id="parts without end that hold nothing"
        ),
    ],
)
async def test_messages_that_are_too_large_close_the_connection(
    running_gateway: "Running", frames: list[bytes], code: int
) -> None:
    async with (
        running_gateway(max_message_bytes=MAX_BYTES * 4 // 5) as system,
        opened(system.gateway.port) as [(reader, writer)],
    ):
        writer.write(upgrade())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"permessage-deflate" in head
        for data in frames:
            writer.write(data)
        answer = await end_of(reader)
        assert answer[:1] == bytes([FIN | 0x8])
        assert struct.unpack(">H", answer[2:4]) == (code,)
        assert await is_served(system)


async def test_what_was_too_large_is_let_go_of_at_once(running_gateway: "Running") -> None:
    count, most = 8, 2 * 1024 * 1024
    async with running_gateway(max_message_bytes=most) as system:
        gc.disable()  # it may take long until the next collection
        tracemalloc.start()
        try:
            for _ in range(count):
                async with opened(system.gateway.port) as [(reader, writer)]:
                    writer.write(upgrade())
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(frame(FIN | TEXT | COMPRESSED, BOMB))
                    await end_of(reader)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            gc.enable()
        assert held < count * most / 2


PING = struct.pack(">BB4x", FIN | 0x9, 0x80 | 125) + bytes(125)


async def ping_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(PING * 1000)
        await writer.drain()


async def test_pings_of_a_client_that_takes_no_answers_do_not_pile_up(running_gateway: "Running") -> None:
    async with (
        running_gateway(message_rate=1e6, message_burst=10**6) as system,
        opened(system.gateway.port) as [(reader, writer)],
    ):
        writer.write(upgrade())
        await reader.readuntil(b"\r\n\r\n")
        await system.services.connection("CS1")
        (connection,) = system.gateway.connections
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        pinging = asyncio.create_task(ping_for_ever(writer))
        async with asyncio.timeout(DEADLINE_S):
            while not connection._socket.writing_paused:  # noqa: ASYNC110 it has a deadline
                await asyncio.sleep(0.01)
        assert not connection._socket.intake.reading
        pinging.cancel()
        assert 0 < connection._socket.transport.get_write_buffer_size() < 1_000_000
        assert await is_served(system)
