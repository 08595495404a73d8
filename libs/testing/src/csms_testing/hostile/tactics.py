"""How messages are sent: as many as the socket takes, one after the other's answer, or in answer to commands."""

import asyncio
import itertools
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from csms_testing.hostile.attack import Hostile, Tactic
from csms_testing.hostile.message import Message
from csms_testing.hostile.wire import Closed, Wire, joined

_COMMAND = re.compile(rb'^\[\s*2\s*,\s*"([^"]+)"\s*,\s*"(\w+)"')
_PIPELINED = 20
"""Bombs written at a time."""


async def _count_answers(station: Hostile, wire: Wire) -> None:
    while True:
        await station.answer(wire)


async def _reading(station: Hostile, wire: Wire, chunks: Iterator[bytes]) -> None:
    """Write until the CSMS closes, and read what it answers. Raises Closed."""
    reading = asyncio.create_task(_count_answers(station, wire))
    try:
        with suppress(Closed):  # who reads knows the reason
            while not reading.done():
                await station.write(wire, next(chunks))
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def flood(frames: Sequence[bytes], *, first: bytes = b"", deflate: bool = False, read: bool = True) -> Tactic:
    """Frames as fast as the socket takes them; after `first`, once per connection."""
    chunk = joined(frames)

    async def attack(station: Hostile) -> None:
        while True:
            async with station.connected(deflate=deflate) as wire:
                await station.write(wire, first)
                if read:
                    await _reading(station, wire, itertools.cycle([chunk]))
                while True:
                    await station.write(wire, chunk)

    return attack


def once(frames: Sequence[bytes], *, deflate: bool = False) -> Tactic:
    """Each frame on a connection of its own: whoever is thrown out for it comes back with the next one."""
    cycle = itertools.cycle(frames)

    async def attack(station: Hostile) -> None:
        while True:
            async with station.connected(deflate=deflate) as wire:
                await _reading(station, wire, itertools.cycle([next(cycle)]))

    return attack


def pipelined(message: Message) -> Tactic:
    """Compressed messages as fast as the socket takes them, each with an id of its own."""

    async def attack(station: Hostile) -> None:
        ids = station.message_ids()
        chunks = (b"".join(message.deflated(next(ids)) for _ in range(_PIPELINED)) for _ in itertools.count())
        while True:
            async with station.connected(deflate=True) as wire:
                await _reading(station, wire, chunks)

    return attack


def asked(messages: Sequence[Message]) -> Tactic:
    """Messages one after the other, each when the one before is answered, as OCPP wants it."""

    async def attack(station: Hostile) -> None:
        ids, cycle = station.message_ids(), itertools.cycle(messages)
        while True:
            async with station.connected(deflate=True) as wire:
                while True:
                    began = time.monotonic()
                    await station.write(wire, next(cycle).deflated(next(ids)))
                    await station.answer(wire)
                    station.report.slowest_s = max(station.report.slowest_s, time.monotonic() - began)

    return attack


def answering(answers: Sequence[Message]) -> Tactic:
    """Waits for commands, and answers them with what it has."""

    async def attack(station: Hostile) -> None:
        cycle = itertools.cycle(answers)
        while True:
            async with station.connected(deflate=True) as wire:
                while True:
                    if command := _COMMAND.match(await wire.message()):
                        await station.write(wire, next(cycle).deflated(command[1].decode()))
                        station.report.answers[command[2].decode()] += 1

    return attack
