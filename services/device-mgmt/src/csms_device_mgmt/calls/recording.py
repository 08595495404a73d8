"""The row of a CALL that is going to be sent."""

from datetime import datetime, timedelta
from typing import Any

from csms_device_mgmt.commands import ORIGIN, Command
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.store.calls import CallState
from csms_device_mgmt.store.tables import Station
from csms_device_mgmt.unit import Unit


def new_call(
    unit: Unit, command: Command, *, requested_by: str, origin: str = ORIGIN, send_until: datetime | None = None
) -> dict[str, Any]:
    """Return the columns of an open call, its secrets redacted.

    `send_until`: how long it may wait to be sent; None: as long as the station may take to answer.
    """
    timeout = timedelta(seconds=command.timeout_s)
    grace = timedelta(seconds=unit.settings.call_grace_s)
    deadline_at = unit.now + timeout if send_until is None else send_until + timeout
    return {
        "call_id": command.call_id,
        "station_id": command.station_id,
        "action": command.action,
        "protocol": command.protocol,
        "request": redacted(command.protocol, command.action, command.payload),
        "state": CallState.OPEN.value,
        "requested_by": requested_by,
        "origin": origin,
        "created_at": unit.now,
        "deadline_at": deadline_at + grace,
    }


def timeout_s(unit: Unit, station: Station) -> float:
    """Return how long the station may take to answer, in seconds, if nothing else is said."""
    return station.message_timeout_s or unit.settings.call_timeout_s
