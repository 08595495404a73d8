"""One database transaction, and what is to be told to others when it commits."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from csms_bus.ports import Outgoing
from csms_db import outbox
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.store.tables import OUTBOX


@dataclass(slots=True)
class Unit:
    """What a handler works with: a session in a transaction, and a list of records that go out with it."""

    session: AsyncSession
    settings: DeviceSettings
    secret_key: bytes = field(repr=False)
    now: datetime
    outgoing: list[Outgoing] = field(default_factory=list)
    """Published through the outbox: at least once if the transaction commits, never if it does not, in order."""

    def tell(self, record: Outgoing) -> None:
        """Publish a record when the transaction has committed."""
        self.outgoing.append(record)


class Units:
    """Opens units of work."""

    def __init__(
        self, database: Database, settings: DeviceSettings, secret_key: bytes, committed: Callable[[], None]
    ) -> None:
        """Args of note: `secret_key` is the key of the password digests.

        `committed` is called after each transaction that left something in the outbox; it must not block.
        """
        self._database = database
        self._settings = settings
        self._secret_key = secret_key
        self._committed = committed

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Unit]:
        """Begin a transaction that commits on exit and rolls back on an exception. Raises DatabaseUnavailable."""
        async with self._database.transaction() as session:
            unit = Unit(session, self._settings, self._secret_key, utcnow())
            yield unit
            if unit.outgoing:
                await outbox.add(session, OUTBOX, unit.outgoing)
        if unit.outgoing:
            self._committed()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that only reads. Raises DatabaseUnavailable."""
        async with self._database.reading() as session:
            yield session
