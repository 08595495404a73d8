"""Tells all services the API keys at the start. The bus may have lost them; the in-process bus always has."""

import asyncio

import structlog
from csms_bus.api_keys import api_key_record
from csms_bus.flow import Backoff
from csms_bus.ports import Bus, BusUnavailable
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime.clock import utcnow

from csms_auth.store import api_keys

_log = structlog.get_logger(__name__)


async def announce_api_keys(bus: Bus, database: Database) -> None:
    """Publish the keys that have not expired, revoked ones too. Tries again while bus or database are away."""
    backoff = Backoff(0.2, 5.0)
    while True:
        try:
            await _announce(bus, database)
        except (BusUnavailable, DatabaseUnavailable) as error:
            _log.warning("cannot announce the API keys yet", error=str(error))
        else:
            return
        await asyncio.sleep(backoff.next_pause())


async def _announce(bus: Bus, database: Database) -> None:
    # Inside the transaction, which locks the rows: a revocation is published after this, never before.
    async with database.transaction() as session:
        rows = await api_keys.unexpired(session, utcnow())
        await bus.publish([api_key_record(row.told) for row in rows])
