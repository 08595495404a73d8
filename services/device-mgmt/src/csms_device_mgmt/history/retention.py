"""How long the history of stations is kept."""

from collections.abc import Sequence

from csms_db.retention import Kept

from csms_device_mgmt.bulk import bulk_rows
from csms_device_mgmt.connections import refused_handshake_rows
from csms_device_mgmt.dead_letters import dead_letter_rows
from csms_device_mgmt.history.old_rows import (
    delete_calls,
    delete_faults,
    delete_jobs,
    delete_notifications,
    delete_refused_messages,
    delete_reports,
    delete_stream_values,
)
from csms_device_mgmt.log_uploads import upload_rows
from csms_device_mgmt.payment import settlement_rows
from csms_device_mgmt.settings import DeviceSettings


def kept(settings: DeviceSettings) -> Sequence[Kept]:
    """Return what is deleted after some days."""
    return (
        Kept("calls", settings.keep_calls_days, delete_calls),
        Kept("bulk_jobs", settings.keep_calls_days, bulk_rows.delete_old),
        Kept("notifications", settings.keep_notifications_days, delete_notifications),
        Kept("faults", settings.keep_notifications_days, delete_faults),
        Kept("stream_values", settings.keep_notifications_days, delete_stream_values),
        Kept("refused_messages", settings.keep_notifications_days, delete_refused_messages),
        Kept("refused_handshakes", settings.keep_notifications_days, refused_handshake_rows.delete_old),
        Kept("dead_letters", settings.keep_dead_letters_days, dead_letter_rows.delete_old),
        Kept("settlements", settings.keep_settlements_days, settlement_rows.delete_old),
        Kept("reports", settings.keep_reports_days, delete_reports),
        Kept("log_uploads", settings.keep_reports_days, upload_rows.delete_old),
        Kept("jobs", settings.keep_reports_days, delete_jobs),
    )
