"""The worst that a station's limits allow: the event loop is never held for long, and memory hardly grows.

What is measured is the CPU time between two turns of the event loop: it does not depend on what else the machine does.
"""

import asyncio
import gc
import resource
import struct
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from csms_testing.scripted import RawStation
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from conftest import Start, System

MIB = 2**20
LONGEST_STEP_S = 0.15
"""CPU time: a frame may take 50 ms, and this machine may be slower."""
MOST_GROWTH_MIB = 64


def frame(payload: bytes, *, opcode: int = 1, fin: bool = True, compressed: bool = False) -> bytes:
    first = (0x80 if fin else 0) | (0x40 if compressed else 0) | opcode
    if len(payload) < 126:
        return struct.pack(">BB4x", first, 0x80 | len(payload)) + payload
    return struct.pack(">BBQ4x", first, 0x80 | 127, len(payload)) + payload


def bomb(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=-15)
    return frame((compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4], compressed=True)


LONG = 4 * MIB - 100
OF_OBJECTS = b'[2,"1","Heartbeat",{"customData":{"vendorId":"x","a":[' + b",".join([b"{}"] * (LONG // 3 - 30)) + b"]}}]"
FLOODS = {
    "heartbeats": frame(b'[2,"1","Heartbeat",{}]') * 5000,
    "garbage": frame(b"x") * 5000,
    "unknown actions": frame(b'[2,"1","Nope",{}]') * 5000,
    "pings": frame(bytes(125), opcode=9) * 5000,
    "pongs": frame(b"", opcode=10) * 20_000,
    "empty fragments": frame(b"[", fin=False) + frame(b"", opcode=0, fin=False) * 20_000,
    "a long string": bomb(b'[2,"1","' + b"a" * LONG + b'",{}]') * 60,
    "escapes": bomb(b'[2,"1","' + b"\\n" * (LONG // 2) + b'",{}]') * 60,
    "no JSON": bomb(b"a" * LONG) * 60,
    "objects": bomb(OF_OBJECTS) * 20,
    "fewer objects": bomb(OF_OBJECTS[: 2**19] + b"]}}]") * 60,
}


@asynccontextmanager
async def longest_step() -> AsyncIterator[list[float]]:
    """The most CPU time between two turns of the event loop, while the context is open."""
    # The objects of the test run are many more than a gateway's: to walk through them takes 0.15 s.
    gc.collect()
    gc.freeze()
    longest = [0.0]

    async def turn() -> None:
        while True:
            began = time.process_time()
            await asyncio.sleep(0)
            longest[0] = max(longest[0], time.process_time() - began)

    watching = asyncio.create_task(turn())
    try:
        yield longest
    finally:
        watching.cancel()
        gc.unfreeze()


async def flooding(system: "System", name: str, data: bytes) -> "asyncio.Task[None]":
    station = await system.connect(name, compression="deflate")
    transport = station.socket.transport

    async def write() -> None:
        for at in range(0, len(data), 65536):
            transport.write(data[at : at + 65536])
            await asyncio.sleep(0)
            while transport.get_write_buffer_size() > MIB and not transport.is_closing():  # noqa: ASYNC110 cancelled by the test
                await asyncio.sleep(0.001)

    return asyncio.create_task(write())


async def beats(station: RawStation, count: int) -> None:
    for number in range(count):
        assert (await station.call("Heartbeat", {}, f"h{number}"))[0] == 3


@pytest.mark.alone
@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_holds_nobody_up(system: "System", kind: str) -> None:
    bystander = await system.connect("BYSTANDER")
    await beats(bystander, 3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with longest_step() as longest:
        floods = [await flooding(system, f"FLOOD{number}", FLOODS[kind]) for number in range(3)]
        await beats(bystander, 200)
        for flood in floods:
            flood.cancel()
    assert longest[0] < LONGEST_STEP_S
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MOST_GROWTH_MIB


LARGE = frame(b'[2,"1","Heartbeat",{"customData":{"vendorId":"x","a":"' + b"a" * 1_000_000 + b'"}}]')

ROOM_FOR_FOUR = {"max_message_bytes": MIB, "max_buffered_bytes": 4 * MIB}


async def begun(system: "System", name: str) -> RawStation:
    """A station that has sent most of a large message."""
    station = await system.connect(name, compression=None)
    station.socket.transport.write(LARGE[:-1])
    while station.socket.transport.get_write_buffer_size():  # noqa: ASYNC110 the test has a deadline
        await asyncio.sleep(0.01)
    return station


async def test_large_messages_wait_for_room_and_small_ones_do_not(start: "Start") -> None:
    system = await start(**ROOM_FOR_FOUR)
    first, *_others = [await begun(system, f"FIRST{number}") for number in range(4)]
    second = await begun(system, "SECOND")
    await beats(await system.connect("SMALL"), 3)
    second.socket.transport.write(LARGE[-1:])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second.receive(), 0.3)
    first.socket.transport.write(LARGE[-1:])
    assert (await first.receive())[0] == 3
    assert (await second.receive())[0] == 3


@pytest.mark.parametrize("gone", [False, True])
async def test_a_large_message_that_does_not_arrive_gives_its_room_back(start: "Start", *, gone: bool) -> None:
    system = await start(**ROOM_FOR_FOUR, transfer_timeout_s=0.5)
    first, *_others = [await begun(system, f"FIRST{number}") for number in range(4)]
    second = await begun(system, "SECOND")
    second.socket.transport.write(LARGE[-1:])
    if gone:
        first.socket.transport.abort()
    else:
        assert (await first.closed())[0] == 1008
    assert (await second.receive())[0] == 3


async def test_room_that_is_taken_is_enough_for_what_is_read_of_a_message(start: "Start") -> None:
    system = await start(**ROOM_FOR_FOUR)
    first = [await system.connect(f"FIRST{number}", compression=None) for number in range(4)]
    for station in first:
        station.socket.transport.write(frame(bytes(MIB - 100), fin=False))
    waits = await begun(system, "WAITS")
    waits.socket.transport.write(LARGE[-1:])
    await asyncio.sleep(0.1)
    for station in first:
        station.socket.transport.write(frame(bytes(1000), opcode=0))
    for station in first:
        assert (await station.receive())[2] == "RpcFrameworkError"
    assert (await waits.receive())[0] == 3


async def test_debt_does_not_prolong_the_time_of_a_large_message(start: "Start") -> None:
    system = await start(**ROOM_FOR_FOUR, transfer_timeout_s=0.5, message_rate=10, message_burst=200)
    station = await system.connect("CS1", compression=None)
    station.socket.transport.write(frame(bytes(MIB // 2), fin=False) + frame(b"", opcode=10) * 600)
    assert (await station.closed())[0] == 1008


async def test_coming_back_pays_no_debt(start: "Start") -> None:
    system = await start(message_rate=10, message_burst=25)
    station = await system.connect("CS1", compression=None)
    station.socket.transport.write(frame(b"", opcode=10) * 50)
    await beats(await system.connect("CS2"), 1)
    await station.socket.close()
    began = asyncio.get_running_loop().time()
    again = await system.connect("CS1")
    await beats(again, 1)
    assert asyncio.get_running_loop().time() - began > 1
    await beats(await system.connect("CS2"), 1)


async def test_who_owes_much_is_told_to_come_back_later(start: "Start") -> None:
    system = await start(message_rate=1, message_burst=1)
    await (await system.connect("CS1")).socket.close()
    with pytest.raises(InvalidStatus) as error:
        await system.connect("CS1")
    assert error.value.response.status_code == 429
    assert 5 < int(error.value.response.headers["Retry-After"]) <= 20
