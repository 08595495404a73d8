"""Stations that charge all the time, and commands for them, while something breaks."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from csms_testing.drills.api import Api
from csms_testing.drills.commands import ANSWERED, CommandLoad
from csms_testing.drills.comparing import Acknowledged
from csms_testing.drills.drivers import Drivers, register
from csms_testing.drills.failure import DrillFailed
from csms_testing.drills.ledger import WatchedLedger
from csms_testing.drills.notices import Notices
from csms_testing.simulator import Clock, EvseUnavailable, Plan, State, Station, StationConfig, Stats
from csms_testing.simulator.frames import Json
from csms_testing.simulator.protocol import Protocol

SPEED = 60.0
CONFIG = StationConfig(
    # Stations are four times as impatient as OCPP's defaults make them: it is the CSMS that is measured.
    time_scale=0.25,
    call_timeout_s=20,
    compression=False,
    remote_session_s=300,
    transfer_s=1,
)
CONFIGS = [replace(CONFIG, protocol=protocol) for protocol in Protocol]
"""One for each version of OCPP."""
PLAN = Plan(duration_s=600, meter_interval_s=60)
"""Ten seconds of real time, an event every second."""
POLL_S = 0.1
_COMMANDS_AT_ONCE = 24

_RUNS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """How a station connects, and with what."""

    url: str
    """Without its identity."""
    password: str | None = None
    config: StationConfig = CONFIG


Equip = Callable[[int, str], Awaitable[Equipment]]
"""Prepares a station, by its number and its identity."""


def in_turn(urls: Sequence[str], configs: Sequence[StationConfig] = CONFIGS) -> Equip:
    """Stations without passwords, in turn at the URLs, each configuration at each of them."""

    async def equip(number: int, _: str) -> Equipment:
        return Equipment(url=urls[number % len(urls)], config=configs[number // len(urls) % len(configs)])

    return equip


@dataclass(slots=True)
class Load:
    """What keeps the system busy. `load()` makes it."""

    stations: Sequence[Station]
    ledger: WatchedLedger
    stats: Stats
    commands: CommandLoad
    notices: Notices
    drivers: Drivers
    prefix: str
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def served(self) -> int:
        """How many stations were served since the moment that `served_again` watches."""
        return len(self.ledger.served)

    @property
    def acknowledged(self) -> Acknowledged:
        """What was acknowledged so far."""
        return Acknowledged(
            self.ledger, self.drivers.groups, self.commands.answers, self.notices.acknowledged, self.notices.sent
        )

    async def steady(self, deadline_s: float = 120) -> None:
        """Wait until every station has an event acknowledged that happens from now on."""
        await self.served_again(time.monotonic(), deadline_s)

    async def served_again(self, since: float, deadline_s: float) -> float:
        """Wait until every station got an event acknowledged that happened after `since` (time.monotonic()).

        Returns how many seconds after `since` the last one was. Raises DrillFailed.
        """
        self.ledger.watch(since)
        while self.served < len(self.stations):
            if time.monotonic() > since + deadline_s:
                raise DrillFailed(self._stuck(deadline_s))
            await asyncio.sleep(POLL_S)
        return max(self.ledger.served.values()) - since

    def _stuck(self, deadline_s: float) -> str:
        stuck = [station for station in self.stations if station.id not in self.ledger.served]
        pending = [entry for entry in self.ledger.entries(stuck[0].id) if entry.state is State.PENDING]
        errors = pending[0].errors[-3:] if pending else []
        return (
            f"{len(stuck)} of {len(self.stations)} stations not served within {deadline_s:g} s, such as {stuck[0].id}: "
            f"connected {stuck[0].connected}, accepted {stuck[0].accepted}, pending {len(pending)}, {errors=}, "
            f"last error {stuck[0].link.last_error!r}"
        )

    async def end_sessions(self, drivers: Sequence[asyncio.Task[None]]) -> None:
        """Let all transactions end."""
        self.stopping.set()
        for station in self.stations:
            for evse_id in station.evses:
                station.stop_transaction(evse_id)
        await asyncio.gather(*drivers)
        for station in self.stations:
            await station.wait_for(partial(_idle, station), 60)

    async def delivered(self, deadline_s: float) -> None:
        """Wait until no station holds an event any more. Raises DrillFailed."""
        try:
            async with asyncio.timeout(deadline_s):
                for station in self.stations:
                    await station.delivery.flushed()
        except TimeoutError:
            pending = self.ledger.in_state(State.PENDING)
            raise DrillFailed(f"{len(pending)} events not delivered within {deadline_s:g} s: {pending[:3]}") from None

    async def all_obey(self, deadline_s: float) -> None:
        """Wait until a command to every station is answered. Raises DrillFailed."""
        silent = {station.id for station in self.stations}
        gate = asyncio.Semaphore(_COMMANDS_AT_ONCE)
        deadline = time.monotonic() + deadline_s
        while silent:
            answered = await asyncio.gather(*(self._obeys(name, gate) for name in silent))
            silent -= {name for name in answered if name}
            if silent and time.monotonic() > deadline:
                raise DrillFailed(f"{len(silent)} stations answer no commands: {sorted(silent)[:5]}")

    async def _obeys(self, station_id: str, gate: asyncio.Semaphore) -> str | None:
        async with gate:
            return station_id if await self.commands.ask(station_id) == ANSWERED else None


def _idle(station: Station) -> bool:
    return not station.transactions()


async def _drive(station: Station, id_token: Json, plans: Sequence[Plan], stopping: asyncio.Event) -> None:
    """Charge at EVSE 1 again and again; EVSE 2 is left to remote starts."""
    await station.clock.sleep(random.uniform(0, 60))  # noqa: S311  # no secret
    for plan in itertools.cycle(plans):
        if stopping.is_set():
            return
        try:
            await station.charge(1, id_token, plan=plan)
        except EvseUnavailable:
            continue
        finally:
            await station.clock.sleep(10)


@asynccontextmanager
async def load(api: Api, equip: Equip, *, stations: int) -> AsyncIterator[Load]:
    """Connect stations and let them charge while the context is open.

    On leaving it normally, all sessions end, everything is delivered, and every station obeys a command.
    Raises DrillFailed, and what `equip` raises.
    """
    run = f"{next(_RUNS)}-{random.randrange(16**4):04x}"  # noqa: S311  # no secret
    prefix, drivers = f"DRILL-{run}-", await register(api, run)
    ledger, stats, clock = WatchedLedger(), Stats(), Clock(SPEED)
    fleet = []
    for number in range(stations):
        station_id = f"{prefix}{number:03}"
        has = await equip(number, station_id)
        fleet.append(
            Station(
                has.url,
                station_id,
                password=has.password,
                ledger=ledger,
                stats=stats,
                clock=clock,
                config=has.config,
            )
        )
    commands = CommandLoad(api, {station.id: station.version.harmless for station in fleet}, drivers.tokens)
    made = Load(fleet, ledger, stats, commands, Notices(fleet), drivers, prefix)
    async with _running(made):
        yield made


def _work(made: Load) -> Iterator[Coroutine[None, None, None]]:
    """What goes on all the time."""
    plans = (PLAN, replace(PLAN, stop_token=made.drivers.keeper))
    for number, station in enumerate(made.stations):
        yield _drive(station, made.drivers.of(number), plans, made.stopping)
    yield made.commands.run(made.stopping)
    yield made.notices.run(made.stopping)


@asynccontextmanager
async def _running(made: Load) -> AsyncIterator[None]:
    tasks: list[asyncio.Task[None]] = []
    try:
        for station in made.stations:
            await station.start()
        for station in made.stations:
            await station.wait_accepted(120)
        tasks = [asyncio.create_task(work) for work in _work(made)]
        await made.steady()
        yield
        await made.end_sessions(tasks)
        await made.delivered(180)
        await made.all_obey(60)
    finally:
        made.stopping.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(station.stop() for station in made.stations))
