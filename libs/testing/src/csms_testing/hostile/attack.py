"""One attack: its stations, when it begins and ends, and what it reports."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from csms_testing.hostile.frames import frame
from csms_testing.hostile.report import Report
from csms_testing.hostile.wire import Closed, Door, Refused, Wire

_BOOT = b'[2,"boot","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]'
_PAUSE_S = 0.02
"""Between two connections: a station that is thrown out comes back at once."""
_CALL_ERROR = re.compile(rb'^\[\s*4\s*,\s*"[^"]*"\s*,\s*"(\w*)"')
_CALL = re.compile(rb'^\[\s*2\s*,\s*"([^"]+)"')


@dataclass(slots=True)
class Attack:
    """What the stations of one attack share."""

    door: Door
    station_ids: list[str]
    password: str | None
    seconds: float
    report: Report = field(default_factory=Report)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: set[str] = field(default_factory=set)
    _all_wait: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, tactic: "Tactic", on_ready: Callable[[], None], *, prepare_s: float = 60) -> None:
        """Let each station connect, call `on_ready`, and attack for `seconds`. Raises TimeoutError, ExceptionGroup."""
        stations = [Hostile(self, station_id) for station_id in self.station_ids]
        tasks = [asyncio.create_task(tactic(station)) for station in stations]
        try:
            async with asyncio.timeout(prepare_s):
                await self._all_wait.wait()
            on_ready()
            self.begun.set()
            await asyncio.wait(tasks, timeout=self.seconds)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [error for error in ended if isinstance(error, Exception)]
        if failures:
            raise ExceptionGroup("the attack itself failed", failures)

    def ready(self, station_id: str) -> None:
        """Note that a station only waits for the others."""
        self._waiting.add(station_id)
        if len(self._waiting) == len(self.station_ids):
            self._all_wait.set()


class Hostile:
    """One station of an attack."""

    def __init__(self, attack: Attack, station_id: str) -> None:
        self.id = station_id
        self.attack = attack
        self.report = attack.report
        self._numbers = itertools.count(1)

    def message_ids(self) -> Iterator[str]:
        """New ids without end."""
        return (f"h{number}" for number in self._numbers)

    async def ready(self) -> None:
        """Wait until all stations are ready; at once, later."""
        self.attack.ready(self.id)
        await self.attack.begun.wait()

    @contextlib.asynccontextmanager
    async def connected(self, *, deflate: bool = False, boot: bool = True) -> AsyncIterator[Wire]:
        """Connect, again and again until it succeeds, boot, wait for the others."""
        wire = await self._wire(deflate=deflate)
        try:
            if boot:
                await wire.write(frame(_BOOT))
                await self.answer(wire)
            await self.ready()
            yield wire
        except Closed as closed:
            self.report.closes[str(closed)] += 1
            await asyncio.sleep(_PAUSE_S)
        finally:
            wire.abort()

    async def answer(self, wire: Wire) -> bytes:
        """Wait for an answer to a CALL, and count it. Refuses what the CSMS asks meanwhile. Raises Closed."""
        while True:
            message = await wire.message()
            if asked := _CALL.match(message):
                await wire.write(frame(b'[4,"' + asked[1] + b'","NotSupported","",{}]'))
                continue
            refused = _CALL_ERROR.match(message)
            self.report.answers[refused[1].decode() if refused else "result"] += 1
            return message

    async def write(self, wire: Wire, data: bytes) -> None:
        """Write and count. Raises Closed."""
        await wire.write(data)
        self.report.wire_bytes += len(data)
        await asyncio.sleep(0)  # a socket that takes everything would let nobody else of us run

    async def _wire(self, *, deflate: bool) -> Wire:
        while True:
            try:
                wire = await Wire.opened(self.attack.door, self.id, password=self.attack.password, deflate=deflate)
            except Refused as refused:
                self.report.refused[str(refused)] += 1
                await asyncio.sleep(_PAUSE_S)
            else:
                self.report.connections += 1
                return wire


Tactic = Callable[[Hostile], Coroutine[Any, Any, None]]
"""What a station does until it is cancelled."""
