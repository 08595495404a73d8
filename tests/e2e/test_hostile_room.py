"""Room that a hostile client may take: open sockets, bytes on disk. In a process of its own, whose limits are low."""

import asyncio
import resource
import socket
from contextlib import AsyncExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
from csms_testing.hostile.heavy import HEAVY
from csms_testing.hostile.scripted import Scripted
from csms_testing.systems import standalone

FILES = 300
PASSWORD = "a-long-enough-password"
MIB = 1024 * 1024


@contextmanager
def few_files():
    """Whatever is started meanwhile may open no more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def registered(system, station_id):
    async with system.client() as api:
        body = {"security_profile": 1, "password": PASSWORD, "registration": "Accepted"}
        (await api.put(f"/stations/{station_id}", json=body)).raise_for_status()


def silent_connections(stack, port):
    for _ in range(2 * FILES):
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))


async def test_connections_that_say_nothing_give_way_to_stations(tmp_path):
    async with AsyncExitStack() as stack:
        with few_files():
            system = await stack.enter_async_context(standalone(tmp_path))
        await registered(system, "CS-EARLY")
        early = await Scripted.connected(system.ocpp_urls[0], "CS-EARLY", PASSWORD)
        stack.callback(early.wire.abort)
        assert await early.boot() == "Accepted"
        await asyncio.to_thread(silent_connections, stack, urlsplit(system.ocpp_urls[0]).port)
        assert await early.unserved() == []
        await registered(system, "CS-LATE")
        late = await Scripted.connected(system.ocpp_urls[0], "CS-LATE", PASSWORD)
        stack.callback(late.wire.abort)
        assert await late.boot() == "Accepted"
        assert await late.unserved() == []


@pytest.mark.parametrize("name", ["disk-security", "disk-transfer", "disk-events"])
async def test_what_is_stored_of_one_station_has_a_bound(tmp_path, name):
    messages = HEAVY[name][1]()
    async with standalone(tmp_path) as system:
        await registered(system, "CS-FILLER")
        station = await Scripted.connected(system.ocpp_urls[0], "CS-FILLER", PASSWORD)
        assert await station.boot() == "Accepted"
        before = await asyncio.to_thread(size, tmp_path / "data")
        for number in range(30):  # 27 MiB
            await station.send(messages[number % len(messages)], f"fill-{number}")
        assert await station.unserved() == []
        station.wire.abort()
        # With what the message log keeps of it.
        assert await asyncio.to_thread(size, tmp_path / "data") - before < 10 * MIB


def size(directory):
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*"))
