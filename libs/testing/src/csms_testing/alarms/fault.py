"""What an alarm drill is: a fault, and the alerts that must fire because of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from csms_testing.alarms.prometheus import Prometheus
from csms_testing.cluster.processes import ServiceProcess
from csms_testing.drills.arena import Arena
from csms_testing.drills.load import Load
from csms_testing.pki import Pki


@dataclass(slots=True)
class Scene:
    """What a fault works with."""

    arena: Arena
    load: Load
    prometheus: Prometheus
    pki: Pki
    """Made the certificates of the gateways."""

    @asynccontextmanager
    async def sql(self) -> AsyncIterator[Any]:
        """A connection to the database, from outside of all services."""
        connection = await asyncpg.connect(self.arena.database.url)
        try:
            yield connection
        finally:
            await connection.close()

    async def execute(self, *statements: str) -> None:
        """Execute statements in the database."""
        async with self.sql() as connection:
            for statement in statements:
                await connection.execute(statement)

    @contextmanager
    def watched(self, process: ServiceProcess) -> Iterator[None]:
        """Have Prometheus scrape one more process, as it finds a new pod, and forget it in the end."""
        self.prometheus.watch([*self.prometheus.watched, process])
        try:
            yield
        finally:
            self.prometheus.watch([each for each in self.prometheus.watched if each is not process])


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, which lasts as long as its context is open."""

    name: str
    what: str
    alerts: frozenset[str]
    """Those that must fire; others may."""
    made: Callable[[Scene], AbstractAsyncContextManager[None]]
    fire_s: float = 150.0
    """How long its alerts may take to fire."""
