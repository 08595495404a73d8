"""Connection records: where a station is connected. The newest connection wins: the one of the highest number."""

from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import SecurityProfileChanged, StationConnected, StationDisconnected
from csms.v1.station_pb2 import ConnectionRecord, ConnectionState
from csms_runtime.clock import from_ms, to_ms

from csms_device_mgmt import announcements
from csms_device_mgmt.connections.connection_order import Change, Connection, change, must_be_told
from csms_device_mgmt.deliveries import waiting
from csms_device_mgmt.security_profile import profile_changes
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.stations.unknown_stations import known_or_created
from csms_device_mgmt.tables import Station
from csms_device_mgmt.unit import Unit

SUPERSEDED = "superseded by a newer connection"


async def handle(unit: Unit, record: Record) -> None:
    """Store what a record changes; of two connections on different gateways have the older one closed."""
    is_open = record.connection.state == ConnectionState.CONNECTION_STATE_OPEN
    station = await (
        known_or_created(unit, record.station_id) if is_open else station_rows.find(unit.session, record.station_id)
    )
    if station is None:
        return
    known, seen = connection_of(station), _seen(record.connection)
    match change(known, seen):
        case Change.NEWER:
            await _take_newer(unit, station, record, known, seen)
        case Change.CLOSED:
            _close(unit, station, record)
        case Change.OUTDATED if known is not None:
            _have_closed(unit, station.station_id, seen, newer=known)
        case _:
            return


async def _take_newer(unit: Unit, station: Station, record: Record, known: Connection | None, seen: Connection) -> None:
    if known is not None and known.is_open:
        _tell_disconnected(unit, record, _replaced(station, known))
        _have_closed(unit, station.station_id, known, newer=seen)
    _place(station, record.connection)
    if not seen.is_open:
        _close(unit, station, record)
        return
    _open(unit, station, record)
    await profile_changes.connected(unit, station, record.connection.security_profile)
    await waiting.connected(unit, station)
    unit.connected.append(station.station_id)


def connection_of(station: Station) -> Connection | None:
    """Return what a station's row says of its newest connection; None: it never had one."""
    if station.connection_id is None:
        return None
    return Connection(
        is_open=station.connection_open,
        number=station.connection_number or 0,
        slot=station.connection_slot or 0,
        epoch=station.connection_epoch or 0,
        connection_id=station.connection_id,
    )


def _seen(body: ConnectionRecord) -> Connection:
    return Connection(
        is_open=body.state == ConnectionState.CONNECTION_STATE_OPEN,
        number=body.connection_number,
        slot=body.gateway_slot,
        epoch=body.gateway_epoch,
        connection_id=body.connection_id,
        refresh=body.refresh,
    )


def _open(unit: Unit, station: Station, record: Record) -> None:
    body = record.connection
    connected_at = from_ms(body.connected_at_ms)
    station.last_seen = max(station.last_seen or connected_at, connected_at)
    event = StationConnected(
        protocol=body.protocol,
        security_profile=body.security_profile,
        connection_id=body.connection_id,
        remote_address=body.remote_address,
        gateway_slot=body.gateway_slot,
        gateway_epoch=body.gateway_epoch,
    )
    event_id = f"{record.record_id}:connected"
    unit.tell(announcements.event(station.station_id, connected_at, event_id, station_connected=event))
    _raise_profile(unit, station, record)


def _raise_profile(unit: Unit, station: Station, record: Record) -> None:
    """Keep that the station has come with this security profile; lower ones may be over with that (A05.FR.07)."""
    before = station_rows.profiles_of(station)
    after = before.connected(record.connection.security_profile)
    station_rows.store_profiles(station, after)
    if (after.registered, after.pending) != (before.registered, before.pending):
        station.revision = announcements.next_revision(station.revision, unit.now)
        unit.tell(announcements.admission(station))
    if after.registered is not None and after.registered != before.registered:
        event = SecurityProfileChanged(from_profile=before.present, to_profile=after.registered)
        event_id = f"{record.record_id}:security-profile"
        unit.tell(announcements.event(station.station_id, unit.now, event_id, security_profile_changed=event))


def _place(station: Station, body: ConnectionRecord) -> None:
    station.connection_open = True
    station.connection_slot = body.gateway_slot
    station.connection_epoch = body.gateway_epoch
    station.connection_id = body.connection_id
    station.connection_number = max(body.connection_number, station.connection_number or 0)
    station.connection_protocol = body.protocol
    station.connection_security_profile = body.security_profile
    station.remote_address = body.remote_address
    station.connected_at = from_ms(body.connected_at_ms)
    station.closed_at = station.close_code = station.close_reason = None


def _close(unit: Unit, station: Station, record: Record) -> None:
    body = record.connection
    station.connection_open = False
    station.closed_at = from_ms(body.closed_at_ms)
    station.close_code, station.close_reason = body.close_code, body.close_reason
    if body.last_heard_at_ms:
        heard_at = from_ms(body.last_heard_at_ms)
        station.last_seen = max(station.last_seen or heard_at, heard_at)
    event = StationDisconnected(
        connection_id=body.connection_id,
        reason=body.close_reason,
        close_code=body.close_code,
        connected_at_ms=body.connected_at_ms,
    )
    _tell_disconnected(unit, record, event)


def _have_closed(unit: Unit, station_id: str, older: Connection, *, newer: Connection) -> None:
    if must_be_told(older, newer):
        close = announcements.close_connection(
            station_id,
            slot=older.slot,
            epoch=older.epoch,
            connection_id=older.connection_id,
            number=older.number,
            reason=SUPERSEDED,
        )
        unit.tell(close)


def _replaced(station: Station, known: Connection) -> StationDisconnected:
    """Return the event of a connection that a newer one replaces: its own end is told to nobody any more."""
    event = StationDisconnected(connection_id=known.connection_id, reason=SUPERSEDED)
    if station.connected_at is not None:
        event.connected_at_ms = to_ms(station.connected_at)
    return event


def _tell_disconnected(unit: Unit, record: Record, event: StationDisconnected) -> None:
    # A record may end two connections: its own, and the one it replaces.
    event_id = f"{record.record_id}:disconnected:{event.connection_id}"
    occurred_at = from_ms(record.produced_at_ms)
    unit.tell(announcements.event(record.station_id, occurred_at, event_id, station_disconnected=event))
