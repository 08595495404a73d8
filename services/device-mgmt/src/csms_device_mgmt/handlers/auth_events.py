"""Events of auth that change what is shown of a station: it was refused, somebody set or deleted its password."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csms.v1.events_pb2 import ConnectionRefused, DomainEvent
from csms_bus.ports import Incoming, Outgoing
from csms_runtime.clock import from_ms

from csms_device_mgmt.store import stations
from csms_device_mgmt.store.tables import Station
from csms_device_mgmt.unit import Units

_SHOWN = frozenset({"connection_refused", "password_changed"})


class AuthEventRecords:
    """Handles the topic events.auth, a batch in one transaction. Stations that are not known here are passed over."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        events = [item.record.event for item in batch if item.record is not None]
        events = [event for event in events if event.WhichOneof("event") in _SHOWN]
        if events:
            async with self._units.open() as unit:
                known = await stations.lock(unit.session, [event.station_id for event in events])
                for event in events:
                    if event.station_id in known:
                        _apply(known[event.station_id], event)
        return []


def _apply(station: Station, event: DomainEvent) -> None:
    if event.HasField("connection_refused"):
        station.last_refusal = newest_refusal(station, from_ms(event.occurred_at_ms), event.connection_refused)
    elif event.password_changed.revision >= (station.password_revision or 0):
        station.password_set = event.password_changed.password_set


def newest_refusal(station: Station, refused_at: datetime, refused: ConnectionRefused) -> dict[str, Any]:
    """Return what a station's row is to say of refusals, after one more: whatever is read twice or late."""
    known: dict[str, Any] | None = station.last_refusal
    if known is not None and datetime.fromisoformat(known["refused_at"]) > refused_at:
        return known
    return {
        "refused_at": refused_at.isoformat(),
        "http_status": refused.http_status,
        "reason": refused.reason,
        "remote_address": refused.remote_address,
        "security_event": refused.security_event or None,
    }
