"""Many stations in one process: for load, fault drills and demonstrations."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self, TypeAlias

from csms_testing.simulator.charging import ChargeResult, Plan
from csms_testing.simulator.clock import Clock
from csms_testing.simulator.config import StationConfig
from csms_testing.simulator.errors import EvseUnavailable
from csms_testing.simulator.ledger import Ledger
from csms_testing.simulator.station import Station
from csms_testing.simulator.stats import FrameObserver, Stats

Passwords: TypeAlias = str | Mapping[str, str] | None
"""One for all, one by station identity, or none."""
TokenOf: TypeAlias = Callable[[Station, int], str]
"""The token for a station's n-th session (from 0)."""

_STOPS_AT_ONCE = 200


class Fleet:
    """`async with Fleet(...)` starts n stations and stops them at the end; they share ledger, stats and clock."""

    def __init__(
        self,
        size: int,
        url: str | Sequence[str],
        *,
        prefix: str = "SIM-",
        first: int = 1,
        password: Passwords = None,
        config: StationConfig | Sequence[StationConfig] | None = None,
        clock: Clock | None = None,
        observer: FrameObserver | None = None,
        connect_concurrency: int = 50,
    ) -> None:
        """Make stations named prefix + five digits from `first` on.

        Several URLs (gateways) and several configurations are used in turn, each configuration at each URL.

        At most `connect_concurrency` handshakes are under way at any time.
        """
        urls = [url] if isinstance(url, str) else list(url)
        configs = [config] if isinstance(config, StationConfig) else list(config or [StationConfig()])
        self.ledger = Ledger()
        self.stats = Stats()
        self.clock = clock or Clock()
        gate = asyncio.Semaphore(connect_concurrency)
        self.stations = [
            Station(
                urls[number % len(urls)],
                identity,
                password=password if password is None or isinstance(password, str) else password[identity],
                config=configs[number // len(urls) % len(configs)],
                clock=self.clock,
                ledger=self.ledger,
                stats=self.stats,
                observer=observer,
                connect_gate=gate,
            )
            for number, identity in enumerate(identities(size, prefix, first))
        ]

    async def start(self) -> Self:
        """Begin to connect all stations; returns at once."""
        for station in self.stations:
            await station.start()
        return self

    async def stop(self) -> None:
        """Disconnect all stations. Raises ExceptionGroup when a station's background work failed."""
        gate = asyncio.Semaphore(_STOPS_AT_ONCE)
        outcomes = await asyncio.gather(
            *(_bounded(gate, station.stop()) for station in self.stations), return_exceptions=True
        )
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if failures:
            raise ExceptionGroup("stations failed", failures)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def accepted(self) -> int:
        """How many stations are connected and accepted."""
        return sum(station.accepted for station in self.stations)

    async def wait_accepted(self, timeout_s: float = 60) -> None:
        """Wait until all stations may work. Raises TimeoutError, chained to why one of them could not connect."""
        async with asyncio.timeout(timeout_s):
            for station in self.stations:
                await station.wait_accepted(timeout_s)

    async def flushed(self, timeout_s: float = 60) -> None:
        """Wait until no station has an undelivered TransactionEvent. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            for station in self.stations:
                await station.delivery.flushed()

    async def run_sessions(
        self, sessions: int, id_token: str | TokenOf, plan: Plan | None = None, *, concurrency: int = 1000
    ) -> list[ChargeResult]:
        """Let every station run this many sessions, one after the other, on its EVSEs in turn; all results.

        At most `concurrency` sessions run at the same time. Sessions at EVSEs that are not usable are left out.
        """
        gate = asyncio.Semaphore(concurrency)
        token_of: TokenOf = id_token if callable(id_token) else lambda *_: id_token
        async with asyncio.TaskGroup() as group:
            drivers = [
                group.create_task(_drive(gate, station, sessions, token_of, plan or Plan()))
                for station in self.stations
            ]
        return [result for driver in drivers for result in driver.result()]


async def _drive(
    gate: asyncio.Semaphore, station: Station, sessions: int, token_of: TokenOf, plan: Plan
) -> list[ChargeResult]:
    results = []
    for number in range(sessions):
        evse_id = number % len(station.evses) + 1
        async with gate:
            try:
                results.append(await station.charge(evse_id, token_of(station, number), plan=plan))
            except EvseUnavailable:
                continue
    return results


async def _bounded(gate: asyncio.Semaphore, work: Awaitable[None]) -> None:
    async with gate:
        await work


def identities(size: int, prefix: str = "SIM-", first: int = 1) -> list[str]:
    """The identities a fleet uses."""
    return [f"{prefix}{number:05}" for number in range(first, first + size)]
