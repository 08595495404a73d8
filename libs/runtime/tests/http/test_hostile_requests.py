"""Requests that are large, endless or odd, over real sockets: they get an answer, and others theirs meanwhile."""

import asyncio
import shutil
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import httpx2
import pytest
from csms_runtime.health import Health
from csms_runtime.http import ConnectionLimits, body_limit, create_management_app, listening
from csms_runtime.http.conduit import Conduit
from fastapi import FastAPI

DEADLINE_S = 20
PATH = "/api/v1/things"
HEAD = b"POST /api/v1/things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n"
LARGE = 5 * 1024 * 1024


def by_urllib(url: str, key: str, body: bytes) -> int:
    try:
        request = urllib.request.Request(url, body, {"Authorization": f"Bearer {key}"})  # noqa: S310 - our own address
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own address
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def by_httpx(url: str, key: str, body: bytes) -> int:
    return httpx2.post(url, content=body, headers={"Authorization": f"Bearer {key}"}).status_code


def by_httpx_in_chunks(url: str, key: str, body: bytes) -> int:
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    return httpx2.post(url, content=pieces, headers={"Authorization": f"Bearer {key}"}).status_code


def by_curl(*options: str) -> Callable[[str, str, bytes], int]:
    def send(url: str, key: str, body: bytes) -> int:
        curl = shutil.which("curl")
        if curl is None:
            pytest.skip("no curl here")
        command = [curl, "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {key}"]
        done = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            [*command, *options, "--data-binary", "@-", url], input=body, capture_output=True, check=True
        )
        return int(done.stdout)

    return send


CLIENTS = {
    "urllib": by_urllib,
    "httpx": by_httpx,
    "httpx in chunks": by_httpx_in_chunks,
    "curl": by_curl(),
    "curl without asking": by_curl("-H", "Expect:"),
    "curl in chunks": by_curl("-H", "Transfer-Encoding: chunked"),
    "curl 1.0": by_curl("--http1.0"),
}


@pytest.mark.parametrize("size", [LARGE, 40 * 1024 * 1024])
@pytest.mark.parametrize(("key", "status"), [("admin-key", 413), ("wrong", 401)])
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_large_body_is_answered(app: FastAPI, client: str, key: str, status: int, size: int) -> None:
    async with listening(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}{PATH}"
        async with asyncio.timeout(DEADLINE_S):
            assert await asyncio.to_thread(CLIENTS[client], url, key, bytes(size)) == status


async def open_to(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(DEADLINE_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_who_is_answered_early_is_told_that_no_more_is_read(app: FastAPI) -> None:
    async with listening(app, "127.0.0.1", 0) as port:
        reader, writer = await open_to(port)
        writer.write(HEAD % b"wrong" + b"Content-Length: 1000\r\n\r\n" + bytes(10))
        answer = await rest_of(reader)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nconnection: close\r\n" in answer.lower()
        writer.write(bytes(990))  # is dropped, not reset
        await writer.drain()
        writer.transport.abort()


async def test_a_refused_request_that_came_whole_keeps_its_connection(app: FastAPI) -> None:
    request = HEAD % b"wrong" + b"Content-Length: 5000\r\n\r\n" + bytes(5000)
    async with listening(app, "127.0.0.1", 0) as port:
        reader, writer = await open_to(port)
        for _ in range(2):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 401 ")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
        writer.transport.abort()


@pytest.mark.parametrize("limits", [ConnectionLimits(9, linger_s=0.3), ConnectionLimits(9, linger_bytes=1_000_000)])
@pytest.mark.parametrize(
    "first", [HEAD % b"wrong" + b"Transfer-Encoding: chunked\r\n\r\n", b"no request\r\n\r\n", HEAD + b"a: b\r\n" * 300]
)
async def test_nobody_sends_for_ever(app: FastAPI, limits: ConnectionLimits, first: bytes) -> None:
    async with listening(app, "127.0.0.1", 0, limits=limits) as port, asyncio.timeout(DEADLINE_S):
        _, writer = await open_to(port)
        writer.write(first)
        with pytest.raises(ConnectionError):
            await send_for_ever(writer)


async def send_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"4000\r\n" + bytes(0x4000) + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


async def test_who_still_sends_does_not_delay_the_end(app: FastAPI) -> None:
    async with listening(app, "127.0.0.1", 0) as port:
        reader, writer = await open_to(port)
        writer.write(HEAD % b"wrong" + b"Content-Length: 1000000\r\n\r\n" + bytes(10))
        await rest_of(reader)
        started = time.monotonic()
    assert time.monotonic() - started < 5  # a client may send for 30 seconds
    writer.transport.abort()


@pytest.mark.parametrize(("count", "status"), [(150, 200), (250, 431), (6000, 431)])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("piece", [1_000_000, 700])
async def test_headers_have_a_number(app: FastAPI, count: int, status: int, end: str, piece: int) -> None:
    request = (f"GET /healthz HTTP/1.1{end}Host: x{end}" + f"a:b{end}" * count + end).encode()
    async with listening(app, "127.0.0.1", 0) as port:
        reader, writer = await open_to(port)
        for at in range(0, len(request), piece):
            writer.write(request[at : at + piece])
            await asyncio.sleep(0)
        assert (await reader.readline()).split()[1] == str(status).encode()
        writer.transport.abort()


async def test_lines_of_a_body_are_no_headers(app: FastAPI) -> None:
    body = b"{" + b"\n" * 1000 + b'"name":"a"}'
    request = HEAD % b"admin-key" + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with listening(app, "127.0.0.1", 0) as port:
        reader, writer = await open_to(port)
        writer.write(request * 3)  # pipelined
        for _ in range(3):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 ")
            await reader.readuntil(b"}")
        writer.transport.abort()


async def test_a_body_that_hardly_comes_is_not_waited_for(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit.BodyLimitMiddleware.__init__, "__defaults__", (0.3,))
    async with listening(app, "127.0.0.1", 0) as port:
        reader, writer = await open_to(port)
        writer.write(HEAD % b"admin-key" + b"Content-Length: 1000\r\n\r\n")

        async def drip() -> None:
            while True:
                writer.write(b" ")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        answer = await rest_of(reader)
        dripping.cancel()
        writer.transport.abort()
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(("key", "first"), [(b"admin-key", b"100"), (b"wrong", b"401")])
async def test_who_asks_before_it_sends_a_body_is_told_first(app: FastAPI, key: bytes, first: bytes) -> None:
    async with listening(app, "127.0.0.1", 0) as port:
        reader, writer = await open_to(port)
        writer.write(HEAD % key + b"Content-Length: 12\r\nExpect: 100-continue\r\n\r\n")
        assert (await reader.readline()).split()[1] == first
        if first == b"100":
            await reader.readline()
            writer.write(b'{"name":"a"}')
            assert (await reader.readline()).split()[1] == b"201"
        writer.transport.abort()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/nothing"])
async def test_the_management_port_reads_no_bodies(method: str, path: str) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    limits = ConnectionLimits(9, linger_bytes=1_000_000)
    async with listening(create_management_app(Health()), "127.0.0.1", 0, limits=limits) as port:
        reader, writer = await open_to(port)
        writer.write(head)
        async with asyncio.timeout(DEADLINE_S):
            answer = await reader.readuntil(b"\r\n\r\n")
            with pytest.raises(ConnectionError):
                await send_for_ever(writer)
        assert b"\r\nconnection: close" in answer.lower()
        assert await one_request(port) < DEADLINE_S


ATTACKS = {
    "chunks of a byte": HEAD % b"admin-key" + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 80_000,
    "chunks nobody reads": HEAD % b"wrong" + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 80_000,
    "chunk extensions": HEAD % b"admin-key"
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + (b"1;" + b"a" * 200 + b"\r\n \r\n") * 20_000,
    "pipelined": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 20_000,
    "many headers": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 6000 + b"\r\n") * 100,
    "a huge header": b"GET /healthz HTTP/1.1\r\nHost: x\r\na:" + bytes(10_000_000),
    "line ends": b"\r\n" * 5_000_000,
    "trailers": HEAD % b"admin-key" + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a:b\r\n" * 500_000,
    "upgrades": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" * 5000,
}


async def attack(port: int, data: bytes) -> None:
    reader, writer = await open_to(port)
    try:
        writer.write(data)
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()


async def one_request(port: int) -> float:
    began = time.monotonic()
    reader, writer = await open_to(port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await rest_of(reader)).startswith(b"HTTP/1.1 200 ")
    writer.close()
    return time.monotonic() - began


@pytest.mark.alone
@pytest.mark.parametrize("name", ATTACKS)
async def test_others_are_served_meanwhile(app: FastAPI, name: str) -> None:
    async with listening(app, "127.0.0.1", 0) as port:
        attacks = [asyncio.create_task(attack(port, ATTACKS[name])) for _ in range(2)]
        took: list[float] = []
        until = time.monotonic() + 2
        while time.monotonic() < until and not (took and all(task.done() for task in attacks)):
            took.append(await one_request(port))
        for task in attacks:
            task.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)
    assert statistics.median(took) < 0.25


class Wire(asyncio.Transport):
    """A transport that is open and does nothing."""

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Nothing to do."""

    def resume_reading(self) -> None:
        """Nothing to do."""


async def test_a_read_is_given_on_in_turns() -> None:
    seen: list[bytes] = []

    def slow(data: bytes) -> None:
        seen.append(data)
        until = time.perf_counter() + 0.003
        while time.perf_counter() < until:
            pass

    conduit = Conduit(Wire(), slow, lambda: False, 0)
    sent = bytes(range(256)) * 40
    conduit.received(sent)
    turns = 1
    while sum(map(len, seen)) < len(sent):
        assert len(seen) == turns, "others have their turn after each step that takes long"
        await asyncio.sleep(0)
        turns += 1
    assert b"".join(seen) == sent
    assert turns > 3
