"""The life of the site: drivers come and go, things break, the operator intervenes."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2

from csms_testing.demo.board import Board
from csms_testing.simulator import ChargeResult, EvseUnavailable, Fleet, Plan, Station
from csms_testing.simulator.api import CsmsApi
from csms_testing.simulator.frames import Json
from csms_testing.simulator.sessions import stop_all
from csms_testing.simulator.transaction import LOCAL, STOPPED_BY_EV

GROUP = "DEMO-FLEET"
ACCEPTED = ("DEMO-ALICE", "DEMO-BOB", "DEMO-CAROL", "DEMO-DAVE")
IN_GROUP = ("DEMO-VAN-1", "DEMO-VAN-2")
BLOCKED = "DEMO-BLOCKED"

_CARS = ((3_700, 30_000), (7_400, 52_000), (11_000, 64_000), (22_000, 90_000))
"""Charging power in W and battery in Wh."""
_BLOCKED_SHARE = 0.08
_CABLE_FIRST_SHARE = 0.4


async def create_tokens(api: CsmsApi) -> None:
    """Make the cards of the demonstration known to the CSMS."""
    for name in ACCEPTED:
        await api.put_id_token(name)
    for name in IN_GROUP:
        await api.put_id_token(name, group_id=GROUP)
    await api.put_id_token(BLOCKED, "Blocked")


@dataclass(slots=True)
class Site:
    """Drivers, faults and an operator around a fleet. Everything random comes from `dice`."""

    fleet: Fleet
    api: CsmsApi
    board: Board
    dice: random.Random = field(default_factory=random.Random)
    incident_every_s: float = 8
    """Real seconds between two incidents."""

    async def live(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            for station in self.fleet.stations:
                for evse_id in station.evses:
                    group.create_task(self._parking_lot(station, evse_id))
            group.create_task(self._incidents())

    async def close(self) -> None:
        """Send everybody home: end all transactions and deliver all events. May wait forever; use a deadline."""
        self.fleet.clock.speed = math.inf
        async with asyncio.TaskGroup() as group:
            for station in self.fleet.stations:
                group.create_task(self._close(station))

    async def _close(self, station: Station) -> None:
        station.go_online()
        await station.wait_for(lambda: station.accepted, math.inf)
        await stop_all(station, LOCAL)
        for evse in station.evses.values():
            for connector in evse.connectors:
                if connector.plugged:
                    await station.unplug(evse.id, connector.id)
        await station.delivery.flushed()

    async def _parking_lot(self, station: Station, evse_id: int) -> None:
        """One EVSE: a car now and then."""
        while True:
            await self.fleet.clock.sleep(self.dice.uniform(60, 1500))
            await self._visit(station, evse_id)

    async def _visit(self, station: Station, evse_id: int) -> None:
        card = self._card()
        power, battery = self.dice.choice(_CARS)
        plan = Plan(
            duration_s=self.dice.uniform(600, 3600),
            energy_wh=self.dice.uniform(0.2, 0.7) * battery,
            meter_interval_s=60,
            power_w=power,
            soc_percent=self.dice.uniform(10, 60),
            plug_delay_s=self.dice.uniform(5, 40),
            cable_first=self.dice.random() < _CABLE_FIRST_SHARE,
            stop=self.dice.choice((LOCAL, LOCAL, STOPPED_BY_EV)),
        )
        with suppress(EvseUnavailable):  # the driver sees that it is taken and drives on
            self._left(station, evse_id, card, await station.charge(evse_id, card, plan=plan))

    def _card(self) -> str:
        return BLOCKED if self.dice.random() < _BLOCKED_SHARE else self.dice.choice(ACCEPTED + IN_GROUP)

    def _left(self, station: Station, evse_id: int, card: str, result: ChargeResult) -> None:
        if result.transaction_id is None:
            self.board.cards_refused += 1
            self.board.tell(f"{station.id} refused {card}: {result.authorization}")
            return
        self.board.sessions += 1
        self.board.energy_wh += result.energy_wh
        energy = f"{result.energy_wh / 1000:.1f} kWh"
        self.board.tell(f"{station.id}/{evse_id} {card} left with {energy} ({result.stopped_reason})")

    async def _incidents(self) -> None:
        kinds: list[Callable[[Station], Awaitable[None]]] = [
            self._fault,
            self._remote_start,
            self._remote_start,
            self._reset,
            self._ask_meter_values,
            self._lose_connection,
        ]
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(self.incident_every_s)
                station = self.dice.choice(self.fleet.stations)
                group.create_task(self._guarded(self.dice.choice(kinds), station))

    async def _guarded(self, incident: Callable[[Station], Awaitable[None]], station: Station) -> None:
        try:
            await incident(station)
        except httpx2.HTTPError as error:
            self.board.command_failures += 1
            self.board.tell(f"operator: {station.id}: {error}")

    async def _fault(self, station: Station) -> None:
        evse_id = self.dice.choice(list(station.evses))
        self.board.tell(f"{station.id}/{evse_id} breaks down")
        await station.fault(evse_id)
        await self.fleet.clock.sleep(self.dice.uniform(300, 900))
        await station.clear_fault(evse_id)
        self.board.tell(f"{station.id}/{evse_id} is repaired")

    async def _lose_connection(self, station: Station) -> None:
        self.board.tell(f"{station.id} loses its connection")
        await station.go_offline()
        await asyncio.sleep(self.dice.uniform(2, 8))
        station.go_online()

    async def _remote_start(self, station: Station) -> None:
        free = [evse.id for evse in station.evses.values() if not evse.busy and evse.transaction is None]
        if free:
            outcome = await self.api.remote_start(station.id, self.dice.choice(ACCEPTED), free[0])
            self._report(station, "remote start", outcome)

    async def _reset(self, station: Station) -> None:
        outcome = await self.api.call(station.id, "Reset", {"type": "OnIdle"})
        self._report(station, "reset when idle", outcome)

    async def _ask_meter_values(self, station: Station) -> None:
        outcome = await self.api.call(station.id, "TriggerMessage", {"requestedMessage": "MeterValues"})
        self._report(station, "asks for meter values", outcome)

    def _report(self, station: Station, what: str, outcome: Json) -> None:
        self.board.commands += 1
        status = (outcome.get("response") or {}).get("status", outcome.get("outcome"))
        self.board.tell(f"operator: {what} at {station.id}: {status}")
