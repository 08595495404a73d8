"""How long each kind of history is kept."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from csms_db.engine import WriteSession
from csms_db.retention import Kept

from csms_history import station_bytes
from csms_history.event_log import log_rows
from csms_history.settings import HistorySettings
from csms_history.timeline import entries, entry_rows


def kept(settings: HistorySettings) -> Sequence[Kept]:
    """Return what is deleted after some days."""
    return (
        Kept("timeline_entries", settings.keep_timeline_days, delete_old_entries),
        Kept("event_log", settings.keep_events_days, log_rows.delete_old),
    )


async def delete_old_entries(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` entries of timelines from before that moment; return how many."""
    gone: Counter[str] = Counter()
    found = await entry_rows.delete_old(session, before, limit)
    for key, size in found:
        gone[key] += size
    await station_bytes.shrink(session, entries.KIND, gone)
    return len(found)
