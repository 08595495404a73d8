"""Attacks by whom nobody knows: connections that say nothing, half of something, or wrong passwords."""

import asyncio
import contextlib
import itertools

from csms_testing.hostile.attack import Hostile, Tactic
from csms_testing.hostile.wire import Door, Refused, Wire

HALF_REQUEST = b"GET /ocpp/X HTTP/1.1\r\nHost: x\r\n"
HALF_HELLO = bytes.fromhex("16030100f0010000ec0303") + bytes(10)
_DRIP_S = 1.0
_AT_ONCE = 50


def silent(connections: int, first: bytes = b"", *, drip: bytes = b"") -> Tactic:
    """Open so many connections, say `first`, and then nothing, or a byte a second; open anew what is closed."""

    async def one(station: Hostile) -> None:
        while True:
            await _held(station, first, drip)

    async def attack(station: Hostile) -> None:
        await station.ready()
        async with asyncio.TaskGroup() as group:
            for number in range(connections):
                group.create_task(one(station))
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)

    return attack


async def _held(station: Hostile, first: bytes, drip: bytes) -> None:
    try:
        reader, writer = await station.attack.door.knock()
    except (OSError, TimeoutError) as error:
        station.report.refused[type(error).__name__] += 1
        await asyncio.sleep(_DRIP_S)
        return
    station.report.connections += 1
    try:
        writer.write(first)
        await _until_closed(reader, writer, drip)
    except OSError:
        pass
    finally:
        writer.transport.abort()
    station.report.closes["closed"] += 1
    await asyncio.sleep(_DRIP_S)


async def _until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drip: bytes) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRIP_S if drip else None):
                if not await reader.read(65536):
                    return
                continue
        writer.write(drip)


def guessing(at_once: int) -> Tactic:
    """Handshakes with wrong passwords, `at_once` at a time."""

    async def one(station: Hostile, numbers: "itertools.count[int]") -> None:
        while True:
            await _knock(station, station.id, f"guess-{next(numbers):012}")

    async def attack(station: Hostile) -> None:
        await station.ready()
        numbers = itertools.count()
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(one(station, numbers))

    return attack


def strangers(at_once: int) -> Tactic:
    """Handshakes of stations that nobody has heard of, a new identity each time."""

    async def one(station: Hostile, numbers: "itertools.count[int]") -> None:
        while True:
            await _knock(station, f"{station.id}-{next(numbers)}", None)

    async def attack(station: Hostile) -> None:
        await station.ready()
        numbers = itertools.count()
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(one(station, numbers))

    return attack


async def _knock(station: Hostile, station_id: str, password: str | None) -> None:
    door: Door = station.attack.door
    try:
        wire = await Wire.opened(door, station_id, password=password)
    except Refused as refused:
        station.report.refused[str(refused)] += 1
        return
    station.report.connections += 1
    wire.abort()


def endless_head() -> Tactic:
    """Request heads that never end: headers as fast as the socket takes them."""
    chunk = b"X-Header: " + b"a" * 4000 + b"\r\n"

    async def attack(station: Hostile) -> None:
        await station.ready()
        while True:
            try:
                _, writer = await station.attack.door.knock()
            except (OSError, TimeoutError) as error:
                station.report.refused[type(error).__name__] += 1
                await asyncio.sleep(_DRIP_S)
                continue
            station.report.connections += 1
            try:
                writer.write(HALF_REQUEST)
                while not writer.is_closing():
                    writer.write(chunk)
                    await writer.drain()
                    station.report.wire_bytes += len(chunk)
            except OSError:
                station.report.closes["closed"] += 1
            finally:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    return attack
