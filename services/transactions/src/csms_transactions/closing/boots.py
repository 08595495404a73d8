"""Hears of stations that booted: their running transactions may have ended."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database
from csms_runtime.clock import from_ms, utcnow

from csms_transactions.store import status_checks

BOOT_DELAY = timedelta(seconds=2)
"""A station is asked so long after its boot: the messages that it has queued should come first."""
_TRIGGERED = "Triggered"
"""Somebody asked for a BootNotification (F06): the station did not boot."""


class Boots:
    """Handles domain events of device-mgmt: a boot puts the station's running transactions in doubt."""

    def __init__(self, database: Database, on_doubts: Callable[[], None]) -> None:
        self._database = database
        self._on_doubts = on_doubts

    async def __call__(self, batch: Sequence[Incoming]) -> list[Outgoing]:
        """Note boots. Raises csms_bus.runner.Later when the database cannot be reached."""
        boots: dict[str, datetime] = {}
        for incoming in batch:
            if incoming.record is not None and incoming.record.event.HasField("station_booted"):
                event = incoming.record.event
                if event.station_booted.reason != _TRIGGERED:
                    at = from_ms(event.occurred_at_ms)
                    boots[event.station_id] = max(at, boots.get(event.station_id, at))
        if boots:
            async with self._database.transaction() as session:
                doubts = await status_checks.note_boots(session, self._database.dialect, boots, utcnow() + BOOT_DELAY)
            if doubts:
                self._on_doubts()
        return []
