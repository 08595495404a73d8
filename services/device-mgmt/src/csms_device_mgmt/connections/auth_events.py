"""What others tell of stations: auth or a gateway refused one, somebody set or deleted its password at auth."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import ConnectionRefused, DomainEvent
from csms_bus.ports import Incoming, Outgoing
from csms_bus.topics import EVENTS_AUTH
from csms_ocpp.station_ids import fault_of
from csms_runtime.clock import from_ms
from csms_runtime.texts import storable
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt import announcements
from csms_device_mgmt.connections import refused_handshake_rows
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit, Units

_LONGEST_ADDRESS, _LONGEST_KIND, _LONGEST_REASON, _LONGEST_EVENT = 64, 32, 500, 64


class AuthEventRecords:
    """Handles events.auth and events.gateway, a batch in one transaction.

    Who was refused is kept, known here or not.
    """

    def __init__(self, units: Units) -> None:
        self._units = units

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later."""
        events = [item.record.event for item in batch if item.record is not None and _counts(item.topic, item.record)]
        if events:
            async with self._units.open() as unit:
                known = await station_rows.lock_any_case(unit.session, [event.station_id for event in events])
                for event in events:
                    if event.station_id in known:
                        _apply(unit, known[event.station_id], event)
                await _keep(unit.session, [event for event in events if event.HasField("connection_refused")], known)
        return []


def _counts(topic: str, record: Record) -> bool:
    """Whether an event is one to take note of. Passwords are auth's matter: what a gateway says of them is nothing."""
    kind = record.event.WhichOneof("event")
    return kind == "connection_refused" or (kind == "password_changed" and topic == EVENTS_AUTH.name)


async def _keep(session: AsyncSession, events: Sequence[DomainEvent], known: Mapping[str, Station]) -> None:
    """Keep who was refused: of one station, address and kind the newest, counted once for each event."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for event in {event.event_id: event for event in events}.values():
        row = _row(event, known.get(event.station_id))
        key = (row["station_id"], row["remote_address"], row["kind"])
        other = rows.get(key, row)
        newest = max(other, row, key=lambda one: one["last_at"])
        first_at = min(other["first_at"], row["first_at"])
        rows[key] = newest | {"first_at": first_at, "told": row["told"] + (other["told"] if key in rows else 0)}
    if rows:
        await refused_handshake_rows.add(session, list(rows.values()))


def _row(event: DomainEvent, station: Station | None) -> dict[str, Any]:
    refused = event.connection_refused
    at = from_ms(event.occurred_at_ms)
    return {
        "station_id": station.station_id if station else event.station_id if not fault_of(event.station_id) else "",
        "remote_address": storable(refused.remote_address)[:_LONGEST_ADDRESS],
        "kind": storable(refused.kind)[:_LONGEST_KIND] or "auth",
        "known": station is not None,
        "http_status": refused.http_status,
        "reason": storable(refused.reason)[:_LONGEST_REASON],
        "security_event": storable(refused.security_event)[:_LONGEST_EVENT],
        "told": 1,
        "first_at": at,
        "last_at": at,
    }


def _apply(unit: Unit, station: Station, event: DomainEvent) -> None:
    if event.HasField("connection_refused"):
        station.last_refusal = newest_refusal(station, from_ms(event.occurred_at_ms), event.connection_refused)
    elif event.password_changed.revision >= (station.password_revision or 0):
        station.password_set = event.password_changed.password_set
        station.password_revision = event.password_changed.revision
        # Whoever changed it waits until it is shown here, and sees that by the revision.
        station.revision = announcements.next_revision(station.revision, unit.now)
        unit.tell(announcements.admission(station))


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
