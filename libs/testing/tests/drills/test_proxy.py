import asyncio
import contextlib

import pytest
from csms_testing.drills.proxy import Proxy


async def closed(writer):
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def __init__(self, ended):
        self.ended = ended

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def connection_lost(self, _exc):
        self.ended.put_nowait("ended")


@pytest.fixture
async def echo():
    """A server; yields its port and a queue of ends of connections."""
    ended = asyncio.Queue()
    server = await asyncio.get_running_loop().create_server(lambda: Echo(ended), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], ended
    server.close()


@pytest.fixture
async def proxy(echo):
    made = Proxy(echo[0])
    await made.start()
    yield made
    await made.stop()
    await asyncio.sleep(0)  # connections that were cut end in the next turn of the loop
    await asyncio.sleep(0)


async def connected(proxy):
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def exchanged(connection, data):
    reader, writer = connection
    writer.write(data)
    return await asyncio.wait_for(reader.read(100), 5)


async def test_passes_on_both_ways(proxy):
    connection = await connected(proxy)
    assert await exchanged(connection, b"one") == b"one"
    assert await exchanged(connection, b"two") == b"two"
    await closed(connection[1])


async def test_the_end_of_a_connection_is_passed_on(proxy, echo):
    connection = await connected(proxy)
    assert await exchanged(connection, b"one") == b"one"
    await closed(connection[1])
    assert await asyncio.wait_for(echo[1].get(), 5)


async def test_a_black_hole_swallows_and_new_connections_work(proxy):
    old = await connected(proxy)
    assert await exchanged(old, b"one") == b"one"
    assert len(proxy.black_hole()) == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await exchanged(old, b"lost")

    new = await connected(proxy)
    assert await exchanged(new, b"two") == b"two"
    for _, writer in (old, new):
        await closed(writer)


async def test_a_lost_connection_ends_for_the_station_only(proxy, echo):
    reader, writer = await connected(proxy)
    assert await exchanged((reader, writer), b"one") == b"one"
    for passage in proxy.black_hole():
        proxy.lose(passage)
    assert await asyncio.wait_for(reader.read(100), 5) == b""
    assert echo[1].empty()
    await closed(writer)


async def test_nobody_behind_the_proxy_ends_the_connection():
    unused = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = unused.sockets[0].getsockname()[1]
    unused.close()
    await unused.wait_closed()
    proxy = Proxy(port)
    await proxy.start()
    reader, writer = await connected(proxy)
    assert await asyncio.wait_for(reader.read(100), 5) == b""
    await closed(writer)
    await proxy.stop()
