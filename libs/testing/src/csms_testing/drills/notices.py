"""Notifications of stations while something breaks: each that is answered is recorded and told, once."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

from csms_testing.simulator import CallRefused, CallTimeout, NotConnected, Station
from csms_testing.simulator.clock import timestamp

PAUSE_S = 2.0
_ACTION = "SecurityEventNotification"


class Notices:
    """Has stations send security events, each with a text of its own, and keeps which were answered."""

    def __init__(self, stations: Sequence[Station]) -> None:
        self._stations = stations
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Have all stations notify until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            for station in self._stations:
                tasks.create_task(self._notify(station, stop))

    async def _notify(self, station: Station, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            if station.accepted:
                await self._send(station, f"{station.id} {number}")
                number += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), random.uniform(PAUSE_S / 2, PAUSE_S * 3 / 2))  # noqa: S311  # no secret

    async def _send(self, station: Station, text: str) -> None:
        self.sent.add(text)
        payload = {"type": "SettingSystemTime", "timestamp": timestamp(), "techInfo": text}
        # Not answered: it may have arrived or not.
        with suppress(NotConnected, CallTimeout, CallRefused):
            await station.call(_ACTION, payload)
            self.acknowledged.add(text)
