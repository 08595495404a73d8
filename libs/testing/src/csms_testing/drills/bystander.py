"""What another station feels: round trips at a steady pace, each measured from when it was due."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from csms_testing.drills.api import Api
from csms_testing.hostile.frames import frame
from csms_testing.hostile.wire import Closed, Door, Refused, Wire

_BOOT = {"reason": "PowerUp", "chargingStation": {"model": "Bystander", "vendorName": "V"}}
_LONGEST_S = 60.0
_HEARTBEAT_S, _STATUS_S, _API_S = 0.05, 0.1, 0.2
"""How often each is done."""


@dataclass(slots=True)
class Times:
    """Round trips of one kind, in seconds, and how many came to nothing."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    last_failure: str = ""

    def quantile(self, fraction: float) -> float:
        """In milliseconds; 0 without any."""
        ordered = sorted(self.seconds)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] * 1000, 1) if ordered else 0.0

    def shown(self) -> dict[str, Any]:
        """As JSON, times in milliseconds."""
        values = {"p50": self.quantile(0.5), "p99": self.quantile(0.99), "max": self.quantile(1.0)}
        return {**values, "count": len(self.seconds), **({"failed": self.failed} if self.failed else {})}


class _Honest:
    """A station with one CALL at a time, which comes back when it loses its connection."""

    def __init__(self, door: Door, station_id: str, password: str) -> None:
        self._door = door
        self._station_id = station_id
        self._password = password
        self._wire: Wire | None = None
        self._number = 0

    async def connect(self) -> None:
        """Connect and boot. Raises Refused, Closed, TimeoutError."""
        self._wire = await Wire.opened(self._door, self._station_id, password=self._password)
        await self.call("BootNotification", _BOOT)

    async def call(self, action: str, payload: dict[str, Any]) -> bool:
        """Return whether the answer is a CALLRESULT. Raises Refused, Closed, TimeoutError."""
        if self._wire is None:
            await self.connect()
        if self._wire is None:
            return False
        self._number += 1
        message_id = f"b{self._number}"
        async with asyncio.timeout(_LONGEST_S):
            try:
                await self._wire.write(frame(json.dumps([2, message_id, action, payload]).encode()))
                return await self._answer(self._wire, message_id)
            except Closed:
                self._wire = None
                raise

    async def _answer(self, wire: Wire, message_id: str) -> bool:
        while True:
            kind, answered, *_ = json.loads(await wire.message())
            if kind == 2:  # noqa: PLR2004  # a CALL
                await wire.write(frame(json.dumps([4, answered, "NotSupported", "", {}]).encode()))
            elif answered == message_id:
                return bool(kind == 3)  # noqa: PLR2004  # a CALLRESULT

    def close(self) -> None:
        """Leave."""
        if self._wire is not None:
            self._wire.abort()


class Bystander:
    """Two stations at one gateway and a user of the API, beside an attack."""

    def __init__(self, api: Api, url: str, name: str, password: str) -> None:
        self._api = api
        self._name = name
        self._password = password
        self._stations = [_Honest(Door.of(url), station_id, password) for station_id in self.station_ids]
        self.forget()

    @property
    def station_ids(self) -> list[str]:
        """Identities of the stations."""
        return [f"{self._name}-H", f"{self._name}-S"]

    def forget(self) -> None:
        """Begin to measure anew."""
        self.heartbeat, self.status, self.api = Times(), Times(), Times()

    async def prepare(self) -> None:
        """Register the stations and connect them. Raises httpx2.HTTPError, Refused, Closed, TimeoutError."""
        for station_id, station in zip(self.station_ids, self._stations, strict=True):
            await self._api.put(f"/stations/{station_id}", {"security_profile": 1, "password": self._password})
            await station.connect()

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until `stop` is set, and until what is under way has ended."""
        async with asyncio.TaskGroup() as group:
            group.create_task(paced(stop, _HEARTBEAT_S, self._beat, lambda: self.heartbeat))
            group.create_task(paced(stop, _STATUS_S, self._tell, lambda: self.status))
            group.create_task(paced(stop, _API_S, self._look, lambda: self.api))

    def close(self) -> None:
        """Disconnect the stations."""
        for station in self._stations:
            station.close()

    async def _beat(self) -> bool:
        return await self._stations[0].call("Heartbeat", {})

    async def _tell(self) -> bool:
        payload = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        return await self._stations[1].call("StatusNotification", payload)

    async def _look(self) -> bool:
        return (await self._api.request("GET", f"/stations/{self.station_ids[0]}")).is_success


async def paced(
    stop: asyncio.Event, every_s: float, what: Callable[[], Awaitable[bool]], times: Callable[[], Times]
) -> None:
    """Do it at a steady pace. Whatever is due while an earlier one takes long waits too, and its wait counts."""
    due = time.monotonic()
    while not stop.is_set():
        kept = times()
        try:
            kept.failed += not await what()
        except (Closed, Refused, TimeoutError, httpx2.HTTPError) as error:
            kept.failed += 1
            kept.last_failure = repr(error)
            await asyncio.sleep(every_s)
        kept.seconds.append(time.monotonic() - due)
        due += every_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    ended = time.monotonic()
    while due < ended:  # what was never sent for waiting
        times().seconds.append(ended - due)
        due += every_s
