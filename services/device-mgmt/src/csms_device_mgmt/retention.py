"""How long the history of stations is kept."""

from collections.abc import Sequence

from csms_db.retention import Kept

from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.store import dead_letters, refused_handshakes
from csms_device_mgmt.store.retention import (
    delete_calls,
    delete_jobs,
    delete_notifications,
    delete_refused_messages,
    delete_reports,
)


def kept(settings: DeviceSettings) -> Sequence[Kept]:
    """Return what is deleted after some days."""
    return (
        Kept("calls", settings.keep_calls_days, delete_calls),
        Kept("notifications", settings.keep_notifications_days, delete_notifications),
        Kept("refused_messages", settings.keep_notifications_days, delete_refused_messages),
        Kept("refused_handshakes", settings.keep_notifications_days, refused_handshakes.delete_old),
        Kept("dead_letters", settings.keep_dead_letters_days, dead_letters.delete_old),
        Kept("reports", settings.keep_reports_days, delete_reports),
        Kept("jobs", settings.keep_reports_days, delete_jobs),
    )
