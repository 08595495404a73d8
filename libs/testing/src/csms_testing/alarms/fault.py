"""What an alarm drill is: a fault, and the alerts that must fire because of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from csms_testing.drills.arena import Arena
from csms_testing.drills.load import Load


@dataclass(slots=True)
class Scene:
    """What a fault works with."""

    arena: Arena
    load: Load

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


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, which lasts as long as its context is open."""

    name: str
    what: str
    alerts: frozenset[str]
    """Those that must fire; others may."""
    made: Callable[[Scene], AbstractAsyncContextManager[None]]
