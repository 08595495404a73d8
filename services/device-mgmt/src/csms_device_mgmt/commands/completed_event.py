"""The domain event of a CALL that is over."""

from csms.v1.events_pb2 import CommandCompleted
from csms_bus.ports import Outgoing
from csms_runtime.clock import to_ms

from csms_device_mgmt import announcements
from csms_device_mgmt.commands.call_rows import Completion
from csms_device_mgmt.tables import Call

_LONGEST_TOLD = 255
"""Characters of a text of a station."""


def completed(row: Call, completion: Completion) -> Outgoing:
    """Return the event of a call's outcome. Nothing of its payloads is in it but the answer's status."""
    status, error = (completion.response or {}).get("status"), completion.error or {}
    body = CommandCompleted(
        call_id=row.call_id,
        action=row.action,
        outcome=completion.outcome.value,
        status=status[:_LONGEST_TOLD] if isinstance(status, str) else "",
        error_code=error.get("code", "")[:_LONGEST_TOLD],
        origin=row.origin,
        requested_by=row.requested_by or "",
        sent_at_ms=to_ms(completion.sent_at) if completion.sent_at else 0,
        completed_at_ms=to_ms(completion.completed_at),
    )
    # A late answer replaces a timeout: each outcome is told once.
    event_id = f"{row.call_id}:{completion.outcome.value}"
    return announcements.event(row.station_id, completion.completed_at, event_id, command_completed=body)
