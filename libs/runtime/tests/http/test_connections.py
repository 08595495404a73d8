"""Connections of the HTTP port that say nothing, little, or that take nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from csms_runtime.http import ConnectionLimits, listening
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
DEADLINE_S = 10

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def opened(port: int, count: int = 1) -> AsyncIterator[list[Streams]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            streams = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(streams[1].transport.abort)
            found.append(streams)
        yield found


async def end_of(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(DEADLINE_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answered(streams: Streams) -> bool:
    streams[1].write(REQUEST)
    async with asyncio.timeout(DEADLINE_S):
        head = await streams[0].readuntil(b"\r\n\r\n")
        await streams[0].readuntil(b"}")
    return head.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
async def test_a_request_that_does_not_come_is_not_waited_for(app: FastAPI, first: bytes) -> None:
    limits = ConnectionLimits(10, request_s=0.2)
    async with listening(app, "127.0.0.1", 0, limits=limits) as port, opened(port) as [(reader, writer)]:
        writer.write(first)
        assert await end_of(reader) == b""


@pytest.mark.parametrize("asked_before", [False, True])
async def test_a_byte_now_and_then_does_not_help(app: FastAPI, *, asked_before: bool) -> None:
    limits = ConnectionLimits(10, request_s=0.3, idle_s=0.3)
    async with listening(app, "127.0.0.1", 0, limits=limits) as port, opened(port) as [streams]:
        if asked_before:
            assert await answered(streams)

        async def drip() -> None:
            for byte in REQUEST * 1000:
                streams[1].write(bytes([byte]))
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        await end_of(streams[0])
        assert not dripping.done()
        dripping.cancel()


async def test_who_asks_again_in_time_stays(app: FastAPI) -> None:
    limits = ConnectionLimits(10, request_s=0.2, idle_s=5)
    async with listening(app, "127.0.0.1", 0, limits=limits) as port, opened(port) as [streams]:
        assert await answered(streams)
        await asyncio.sleep(0.4)
        assert await answered(streams)


async def test_of_too_many_the_longest_silent_give_way(app: FastAPI) -> None:
    async with listening(app, "127.0.0.1", 0, limits=ConnectionLimits(5)) as port, opened(port, 4) as early:
        assert await answered(early[0])  # it was heard from last
        async with opened(port, 4) as late:
            assert [await end_of(reader) for reader, _ in early[1:]] == [b""] * 3
            assert all([await answered(streams) for streams in [early[0], *late]])


async def test_requests_in_work_do_not_give_way() -> None:
    go, asked = asyncio.Event(), asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        asked.set()
        await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    async with listening(slow, "127.0.0.1", 0, limits=ConnectionLimits(1)) as port, opened(port) as [working]:
        answer = asyncio.create_task(answered(working))
        await asked.wait()
        async with opened(port) as [(reader, _)]:
            assert await end_of(reader) == b""
        go.set()
        assert await answer


async def test_who_takes_nothing_of_an_answer_is_cut_off() -> None:
    ended = asyncio.Event()

    async def endless(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10_000):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
        ended.set()

    limits = ConnectionLimits(10, stall_s=0.2)
    async with listening(endless, "127.0.0.1", 0, limits=limits) as port, opened(port) as [(_, writer)]:
        writer.write(REQUEST)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(DEADLINE_S):
            await ended.wait()
