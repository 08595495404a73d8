"""One database transaction, and what is to be told to others when it commits."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from csms_bus.gateways import Gateways
from csms_bus.ports import Outgoing
from csms_bus.sealed import sealed
from csms_db import outbox
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.sealing import Sealer
from csms_runtime.secret_keys import SecretKeys
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.history import history_rows
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.status.connector_rows import Statuses
from csms_device_mgmt.tables import OUTBOX, Call


@dataclass(slots=True)
class Unit:
    """What a handler works with: a session in a transaction, and a list of records that go out with it."""

    session: AsyncSession
    settings: DeviceSettings
    keys: SecretKeys
    now: datetime
    gateways: Gateways
    """Which of them live."""
    sealer: Sealer
    """Seals what may hold a secret and is stored until it is sent."""
    outgoing: list[Outgoing] = field(default_factory=list)
    """Published through the outbox: at least once if the transaction commits, never if it does not, in order."""

    following: list[Outgoing] = field(default_factory=list)
    """Published behind the answer to what is being handled."""
    calls: dict[str, Call] = field(default_factory=dict)
    """By id, those whose rows are locked; see commands.held_calls."""
    connected: list[str] = field(default_factory=list)
    """Stations that have a new connection."""
    statuses: Statuses = field(default_factory=Statuses)
    """Of connectors; written when the unit ends."""
    _kept: dict[str, int] = field(default_factory=dict)
    """By station, what its history grew by, in bytes."""

    def kept(self, station_id: str, size: int, *, instead_of: int | None = None) -> None:
        """Note that a row was added to a station's history, and the bytes of what is large in it.

        `instead_of`: the row was there, with so many bytes; None: it is new.
        """
        grown = history_rows.ROW_BYTES + size if instead_of is None else size - instead_of
        self._kept[station_id] = self._kept.get(station_id, 0) + grown

    async def finish(self) -> None:
        """Write what was collected, and make room where a station's history has grown too large."""
        await self.statuses.flush(self.session)
        grown, self._kept = self._kept, {}
        if grown:
            await history_rows.grow(self.session, grown)
            await history_rows.make_room(self.session, grown, self.settings.station_history_bytes)

    def send(self, record: Outgoing) -> None:
        """Publish a record behind the answer to the station; if none is being handled, as `tell` does."""
        self.following.append(record)

    def take_following(self) -> list[Outgoing]:
        """Return what `send` was given, for whoever publishes the answer."""
        taken, self.following = self.following, []
        return taken

    first: list[Outgoing] = field(default_factory=list)
    """Of these, the ones that a consumer publishes itself, too, before it answers; see `tell_first`."""

    def tell(self, record: Outgoing) -> None:
        """Publish a record when the transaction has committed."""
        self.outgoing.append(record)

    def tell_first(self, record: Outgoing) -> None:
        """Publish an idempotent record before the answer to what is being handled, and through the outbox to be sure.

        For what a station may rely on as soon as it is answered.
        """
        self.tell(record)
        self.first.append(record)


class Units:
    """Opens units of work."""

    def __init__(
        self,
        database: Database,
        settings: DeviceSettings,
        keys: SecretKeys,
        gateways: Gateways,
        committed: Callable[[], None],
    ) -> None:
        """Args of note: `keys` are those of the password digests, and seal what may hold a secret in the outbox.

        `committed` is called after each transaction that left something in the outbox; it must not block.
        """
        self._database = database
        self._settings = settings
        self._keys = keys
        self._sealer = Sealer(keys)
        self._gateways = gateways
        self._committed = committed
        self.on_connected: Callable[[Sequence[str]], None] = lambda _station_ids: None
        """Called after each transaction in which stations connected; it must not block."""

    @property
    def settings(self) -> DeviceSettings:
        """The service's settings."""
        return self._settings

    @property
    def sealer(self) -> Sealer:
        """Seals and opens what may hold a secret."""
        return self._sealer

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Unit]:
        """Begin a transaction that commits on exit and rolls back on an exception. Raises DatabaseUnavailable."""
        async with self._database.transaction() as session:
            unit = Unit(session, self._settings, self._keys, utcnow(), self._gateways, self._sealer)
            yield unit
            await unit.finish()
            unit.outgoing += unit.take_following()
            if unit.outgoing:
                await outbox.add(session, OUTBOX, [sealed(self._sealer, each) for each in unit.outgoing])
        if unit.outgoing:
            self._committed()
        if unit.connected:
            self.on_connected(unit.connected)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that only reads. Raises DatabaseUnavailable."""
        async with self._database.reading() as session:
            yield session
