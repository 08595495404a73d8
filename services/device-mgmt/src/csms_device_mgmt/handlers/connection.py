"""Connection records: where a station is connected. The newest connection wins."""

from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import SecurityProfileChanged, StationConnected, StationDisconnected
from csms.v1.station_pb2 import ConnectionRecord, ConnectionState
from csms_runtime.clock import from_ms

from csms_device_mgmt import messages, profile_changes
from csms_device_mgmt.domain.connections import Change, Known, Seen, change, must_be_told
from csms_device_mgmt.handlers.unknown_stations import known_or_created
from csms_device_mgmt.store import stations
from csms_device_mgmt.store.tables import Station
from csms_device_mgmt.unit import Unit

SUPERSEDED = "superseded by a newer connection"


async def handle(unit: Unit, record: Record, offset: int) -> None:
    """Store what a record changes; if it supersedes an open connection on another gateway, have that one closed."""
    body = record.connection
    is_open = body.state == ConnectionState.CONNECTION_STATE_OPEN
    station = await (
        known_or_created(unit, record.station_id) if is_open else stations.find(unit.session, record.station_id)
    )
    if station is None:
        return
    known, seen = _known(station), _seen(record, offset)
    what = change(known, seen)
    if what is Change.NOTHING:
        return
    if what is Change.SUPERSEDED and known is not None:
        _supersede(unit, record, known, seen)
    if what is Change.CLOSED:
        _close(unit, station, record)
    else:
        _open(unit, station, record)
        await profile_changes.connected(unit, station, record.connection.security_profile)
    station.connection_offset, station.connection_produced_at_ms = offset, record.produced_at_ms


def _known(station: Station) -> Known | None:
    if station.connection_id is None:
        return None
    return Known(
        is_open=station.connection_open,
        slot=station.connection_slot or 0,
        epoch=station.connection_epoch or 0,
        connection_id=station.connection_id,
        offset=station.connection_offset or 0,
        produced_at_ms=station.connection_produced_at_ms or 0,
    )


def _seen(record: Record, offset: int) -> Seen:
    body = record.connection
    return Seen(
        is_open=body.state == ConnectionState.CONNECTION_STATE_OPEN,
        slot=body.gateway_slot,
        epoch=body.gateway_epoch,
        connection_id=body.connection_id,
        offset=offset,
        produced_at_ms=record.produced_at_ms,
        refresh=body.refresh,
    )


def _open(unit: Unit, station: Station, record: Record) -> None:
    body = record.connection
    _place(station, body)
    station.connected_at = from_ms(body.connected_at_ms)
    station.last_seen = max(station.last_seen or station.connected_at, station.connected_at)
    station.closed_at = station.close_code = station.close_reason = None
    event = StationConnected(
        protocol=body.protocol, security_profile=body.security_profile, connection_id=body.connection_id
    )
    event_id = f"{record.record_id}:connected"
    unit.tell(messages.event(station.station_id, station.connected_at, event_id, station_connected=event))
    _raise_profile(unit, station, record)


def _raise_profile(unit: Unit, station: Station, record: Record) -> None:
    """Keep that the station has come with this security profile; lower ones may be over with that (A05.FR.07)."""
    before = stations.profiles_of(station)
    after = before.connected(record.connection.security_profile)
    stations.store_profiles(station, after)
    if (after.registered, after.pending) != (before.registered, before.pending):
        station.revision = messages.next_revision(station.revision, unit.now)
        unit.tell(messages.admission(station))
    if after.registered is not None and after.registered != before.registered:
        event = SecurityProfileChanged(from_profile=before.present, to_profile=after.registered)
        event_id = f"{record.record_id}:security-profile"
        unit.tell(messages.event(station.station_id, unit.now, event_id, security_profile_changed=event))


def _place(station: Station, body: ConnectionRecord) -> None:
    station.connection_open = True
    station.connection_slot = body.gateway_slot
    station.connection_epoch = body.gateway_epoch
    station.connection_id = body.connection_id
    station.connection_protocol = body.protocol
    station.connection_security_profile = body.security_profile
    station.remote_address = body.remote_address


def _close(unit: Unit, station: Station, record: Record) -> None:
    body = record.connection
    station.connection_open = False
    station.closed_at = from_ms(body.closed_at_ms)
    station.close_code, station.close_reason = body.close_code, body.close_reason
    _tell_disconnected(unit, record, body.connection_id, body.close_reason)


def _supersede(unit: Unit, record: Record, known: Known, seen: Seen) -> None:
    _tell_disconnected(unit, record, known.connection_id, SUPERSEDED)
    if must_be_told(known, seen):
        close = messages.close_connection(
            record.station_id,
            slot=known.slot,
            epoch=known.epoch,
            connection_id=known.connection_id,
            reason=SUPERSEDED,
        )
        unit.tell(close)


def _tell_disconnected(unit: Unit, record: Record, connection_id: str, reason: str) -> None:
    event = StationDisconnected(connection_id=connection_id, reason=reason)
    event_id = f"{record.record_id}:disconnected"
    occurred_at = from_ms(record.produced_at_ms)
    unit.tell(messages.event(record.station_id, occurred_at, event_id, station_disconnected=event))
