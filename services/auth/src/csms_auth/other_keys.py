"""How much of what auth stores still hangs on another key than the current one (docs/runbooks/rotate-secret-key.md)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime import metrics
from csms_runtime.secret_keys import SecretKeys

from csms_auth.store import id_tokens, stations

PERIOD_S = 60.0
"""How often it is counted, while there is another key."""
MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is not known to be of the current key."""

    passwords: int
    key_codes: int
    stations: list[str]
    """Those whose passwords they are, by their ids; not more than `MOST_NAMED`."""


async def remaining(database: Database, key_id: str) -> Remaining:
    """Count what is not known to be of this key. Raises DatabaseUnavailable."""
    async with database.reading() as session:
        return Remaining(
            await stations.count_other_keys(session, key_id),
            await id_tokens.count_other_keys(session, key_id),
            await stations.of_other_keys(session, key_id, MOST_NAMED),
        )


async def watch(database: Database, keys: SecretKeys, stop: asyncio.Event) -> None:
    """Show in the metrics what remains, until `stop` is set; 0 while there is no other key."""
    _show(0, 0)
    while keys.others and not stop.is_set():
        with suppress(DatabaseUnavailable):  # counted again the next time
            found = await remaining(database, keys.current_id)
            _show(found.passwords, found.key_codes)
        with suppress(TimeoutError):
            async with asyncio.timeout(PERIOD_S):
                await stop.wait()


def _show(passwords: int, key_codes: int) -> None:
    metrics.AUTH_OTHER_KEYS_DIGESTS.labels("password").set(passwords)
    metrics.AUTH_OTHER_KEYS_DIGESTS.labels("key_code").set(key_codes)
