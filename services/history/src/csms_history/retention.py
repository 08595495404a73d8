"""How long each kind of history is kept."""

from collections.abc import Sequence

from csms_db.retention import Kept

from csms_history.connections import connections, last_words
from csms_history.event_log import log_rows
from csms_history.messages import message_rows
from csms_history.settings import HistorySettings
from csms_history.timeline import entries
from csms_history.webhooks import delivery_rows


def kept(settings: HistorySettings) -> Sequence[Kept]:
    """Return what is deleted after some days."""
    days = settings.keep_timeline_days
    return (
        Kept("timeline_entries", days, entries.delete_old),
        Kept("connections", days, connections.delete_old),
        Kept("gateways", days, last_words.delete_old),
        Kept("event_log", settings.keep_events_days, log_rows.delete_old),
        Kept("webhook_deliveries", settings.keep_deliveries_days, delivery_rows.delete_old),
        Kept("station_messages", settings.keep_messages_days, message_rows.delete_old),
        Kept("message_bytes", settings.keep_messages_days, message_rows.delete_old_bytes),
    )
