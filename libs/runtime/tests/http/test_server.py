"""Serving on a socket."""

import asyncio
import signal
import socket

import httpx2
import pytest
from csms_runtime.http import PortTakenError, listening, serve
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send


async def get(port: int, path: str = "/healthz") -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        return await client.get(path)


async def test_serves_while_open(app: FastAPI) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with listening(app, "127.0.0.1", 0) as port:
        assert (await get(port)).status_code == 200
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(httpx2.ConnectError):
        await get(port)


async def test_ipv6(app: FastAPI) -> None:
    async with listening(app, "::1", 0) as port, httpx2.AsyncClient() as client:
        assert (await client.get(f"http://[::1]:{port}/healthz")).status_code == 200


async def enter(app: FastAPI, host: str, port: int) -> None:
    async with listening(app, host, port):
        pass


async def test_port_taken(app: FastAPI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"cannot listen on 127.0.0.1:{port}"):
            await enter(app, "127.0.0.1", port)


async def test_host_that_is_not_ours(app: FastAPI) -> None:
    with pytest.raises(PortTakenError, match="cannot listen on"):
        await enter(app, "192.0.2.1", 0)


async def test_stops_when_told(app: FastAPI) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(serve(app, "127.0.0.1", 0, stop))
    stop.set()
    await asyncio.wait_for(task, 10)


class Slow:
    """An app whose requests take until `go` is set."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


async def test_requests_in_work_finish() -> None:
    slow = Slow()
    async with listening(slow, "127.0.0.1", 0) as port:
        request = asyncio.create_task(get(port))
        await slow.asked.wait()
        asyncio.get_running_loop().call_later(0.05, slow.go.set)
    assert (await request).status_code == 200


async def test_requests_that_take_too_long_are_cut_off() -> None:
    slow = Slow()
    async with asyncio.timeout(20):
        async with listening(slow, "127.0.0.1", 0, timeout_s=1) as port:
            request = asyncio.create_task(get(port))
            await slow.asked.wait()
        assert (await request).status_code == 500
