"""Rows of stations."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from csms_db.sql import insert, lock_order
from csms_db.statements import Lookup, Update
from csms_ocpp import station_ids
from sqlalchemy import JSON, ColumnElement, Table, delete, func, literal, select, tuple_, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from csms_device_mgmt.boot.progress import Mode
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.security_profile.profiles import Profiles
from csms_device_mgmt.stations import removed_station_rows
from csms_device_mgmt.tables import (
    BatterySwap,
    Call,
    ChargingEvse,
    Connector,
    DeadLetter,
    DerControl,
    DynamicSchedule,
    EventStream,
    Fault,
    InstalledCertificate,
    Job,
    JobStep,
    LogPiece,
    LogUpload,
    MonitoredVariable,
    Notification,
    RefusedHandshake,
    RefusedMessage,
    Report,
    ReportPart,
    Station,
    StationLabel,
    StreamValues,
    Variable,
    WaitingCall,
)

_TABLE = cast("Table", Station.__table__)

OWNED = (
    StationLabel,
    Fault,
    Connector,
    Variable,
    DynamicSchedule,
    ChargingEvse,
    DerControl,
    BatterySwap,
    EventStream,
    MonitoredVariable,
    StreamValues,
    ReportPart,
    Report,
    JobStep,
    Job,
    LogUpload,
    LogPiece,
    InstalledCertificate,
    Notification,
    RefusedMessage,
    RefusedHandshake,
    WaitingCall,
    Call,
    DeadLetter,
)
"""What goes with a station when it is deleted."""

_INSERTED_AT_ONCE = 500
"""PostgreSQL takes 32,767 values in a statement, and a station has some thirty."""
HIGH_REQUEST_ID = 2**30
"""requestIds are 32-bit numbers; those from here on are left to whoever likes them."""

CONFIGURED = (
    "security_profile",
    "pending_security_profile",
    "serial_number",
    "organization",
    "ocpp_protocols",
    "charging_schedules",
    "energy_transfers",
    "registration",
    "onboarding",
    "onboarding_variables",
    "message_timeout_s",
    "vendor_ids",
    "site_id",
    "labels",
    "password_set",
    "password_revision",
    "revision",
    "updated_at",
)
"""The columns an operator's change may set."""


def columns_of(station: Station) -> dict[str, Any]:
    """Return a row as columns."""
    return {column.key: getattr(station, column.key) for column in Station.__table__.columns}


def profiles_of(station: Station) -> Profiles:
    """Return a row's security profiles."""
    return Profiles(station.security_profile, station.reached_security_profile, station.pending_security_profile)


def store_profiles(station: Station, profiles: Profiles) -> None:
    """Write security profiles into a row."""
    station.security_profile = profiles.registered
    station.reached_security_profile = profiles.reached
    station.pending_security_profile = profiles.pending


async def find(session: AsyncSession, station_id: str) -> Station | None:
    """Return the row of a station, in whatever case it is named, or None."""
    found = await session.get(Station, station_id)
    if found is None:
        found = await session.scalar(select(Station).where(Station.station_key == station_ids.key(station_id)))
    return found


async def spelling(session: AsyncSession, station_id: str) -> str:
    """Return how a station is spelled here, for identities are compared without case; an unknown one as it is named."""
    key = station_ids.key(station_id)
    if station_ids.fault_of(station_id):
        return station_id
    return await session.scalar(select(Station.station_id).where(Station.station_key == key)) or station_id


async def lock(session: AsyncSession, station_ids: Iterable[str]) -> Mapping[str, Station]:
    """Return the rows there are, locked until the transaction ends (always in one order, so that nobody deadlocks)."""
    wanted = sorted(set(station_ids))
    statement = select(Station).where(Station.station_id.in_(wanted)).order_by(*lock_order(Station.station_id))
    return {station.station_id: station for station in await session.scalars(statement.with_for_update())}


async def lock_any_case(session: AsyncSession, given: Iterable[str]) -> Mapping[str, Station]:
    """As `lock`, by the identities as they were given, in whatever case."""
    keys = {station_id: station_ids.key(station_id) for station_id in given}
    statement = select(Station).where(Station.station_key.in_(sorted(set(keys.values()))))
    locked = await session.scalars(statement.order_by(*lock_order(Station.station_id)).with_for_update())
    rows = {row.station_key: row for row in locked}
    return {station_id: rows[key] for station_id, key in keys.items() if key in rows}


async def hold(session: AsyncSession, station_ids: Iterable[str]) -> None:
    """Lock rows as `lock` does, without reading them."""
    wanted = sorted(set(station_ids))
    statement = select(literal(1)).where(Station.station_id.in_(wanted)).order_by(*lock_order(Station.station_id))
    await session.execute(statement.with_for_update(of=Station))


_TO_COMMAND = load_only(
    Station.registration,
    Station.onboarding,
    Station.registration_status,
    Station.message_timeout_s,
    Station.connection_open,
    Station.connection_slot,
    Station.connection_epoch,
    Station.connection_id,
    Station.connection_number,
    Station.connection_protocol,
    raiseload=True,
)


async def to_command(session: AsyncSession, station_ids: Iterable[str]) -> Mapping[str, Station]:
    """Return the rows there are, of which only what commands need is read."""
    statement = select(Station).where(Station.station_id.in_(list(station_ids))).options(_TO_COMMAND)
    return {station.station_id: station for station in await session.scalars(statement)}


def new_station(station_id: str, registration: Registration, revision: int, now: datetime) -> dict[str, Any]:
    """Return the columns of a station about which nothing else is known."""
    return {
        "station_id": station_id,
        "station_key": station_ids.key(station_id),
        "registration": registration.value,
        "onboarding": "none",
        "onboarding_variables": [],
        "vendor_ids": [],
        "site_id": None,
        "labels": {},
        "password_set": False,
        "revision": revision,
        "next_request_id": 1,
        "connection_open": False,
        "created_at": now,
        "updated_at": now,
    }


async def create(session: AsyncSession, columns: Mapping[str, Any]) -> bool:
    """Insert a station; False when it exists already."""
    return bool(await create_many(session, [columns]))


async def create_many(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Insert stations, all with the same columns, and return the ids of those that did not exist."""
    made: list[str] = []
    for first in range(0, len(rows), _INSERTED_AT_ONCE):
        some = list(rows[first : first + _INSERTED_AT_ONCE])
        statement = insert(session, Station).values(some).on_conflict_do_nothing().returning(Station.station_id)
        made += (await session.scalars(statement)).all()
    return sorted(made)


async def change(session: AsyncSession, station_id: str, revision: int, columns: Mapping[str, Any]) -> bool:
    """Change a station that still has this revision; False when it was changed or deleted meanwhile."""
    statement = (
        update(Station)
        .where(Station.station_id == station_id, Station.revision == revision)
        .values(**columns)
        .returning(Station.station_id)
    )
    return (await session.execute(statement)).scalar() is not None


async def changing_profile(session: AsyncSession, step: str) -> Mapping[str, Station]:
    """Return the stations whose change of the security profile stands at a step, locked."""
    change = type_coerce(Station.security_profile_change, JSON)
    found = await session.scalars(select(Station.station_id).where(change["step"].as_string() == step))
    return await lock(session, found)


async def onboarding(session: AsyncSession) -> Mapping[str, dict[str, Any] | None]:
    """Return the connected stations that wait until they are onboarded, with how far that got."""
    waiting = (
        has_registration(Registration.PENDING),
        Station.onboarding == Mode.INVENTORY.value,
        Station.connection_open,
    )
    found = await session.execute(select(Station.station_id, Station.onboarding_progress).where(*waiting))
    return {row.station_id: row.onboarding_progress for row in found}


async def remove(session: AsyncSession, station_id: str, now: datetime) -> None:
    """Delete a station and everything it reported; what is still on the bus of it goes later."""
    await remove_owned(session, station_id)
    await removed_station_rows.note(session, station_id, now)
    await session.execute(delete(Station).where(Station.station_id == station_id))


async def remove_owned(session: AsyncSession, station_id: str) -> None:
    """Delete everything that a station reported, and all that was kept about it."""
    for table in OWNED:
        statement = delete(table).where(table.station_id == station_id)
        await session.execute(statement.execution_options(synchronize_session=False))


async def take_request_id(session: AsyncSession, station_id: str) -> int | None:
    """Return a requestId that this station was not given before; None when there is no such station."""
    statement = (
        update(Station)
        .where(Station.station_id == station_id)
        .values(next_request_id=Station.next_request_id + 1)
        .returning(Station.next_request_id)
    )
    taken = (await session.execute(statement)).scalar()
    return None if taken is None else taken - 1


async def request_id_taken(session: AsyncSession, station_id: str, request_id: int) -> None:
    """Have `take_request_id` return higher ones from now on. Very high ones are passed over: there would be no more."""
    if request_id >= HIGH_REQUEST_ID:
        return
    statement = (
        update(Station)
        .where(Station.station_id == station_id, Station.next_request_id <= request_id)
        .values(next_request_id=request_id + 1)
        .execution_options(synchronize_session=False)
    )
    await session.execute(statement)


_LAST_SEEN = Lookup([_TABLE.c.station_id, _TABLE.c.last_seen], [_TABLE.c.station_id], for_update=True)
_SEE = Update(_TABLE, by=["station_id"], names=["last_seen"])
SEEN_AT_ONCE = 1_000
"""Stations in one transaction: their rows are locked meanwhile, and messages of theirs wait."""


async def seen(session: AsyncSession, last_seen: Mapping[str, datetime]) -> None:
    """Remember when stations were last heard from; never earlier than known. Unknown stations are passed over.

    Two statements. Rows are locked in one order, as everywhere.
    """
    known = await _LAST_SEEN.fetch(session, list(last_seen))
    later = [(name, last_seen[name]) for name, before in known if before is None or before < last_seen[name]]
    await _SEE.execute(session, later)


def is_connected(gateways: Iterable[tuple[int, int]]) -> ColumnElement[bool]:
    """Condition: the newest connection is open on one of these living gateways (slot, epoch)."""
    place = tuple_(Station.connection_slot, Station.connection_epoch)
    return Station.connection_open & place.in_(list(gateways))


def has_registration(registration: Registration) -> ColumnElement[bool]:
    """Condition: the station counts as having this registration status."""
    return func.coalesce(Station.registration_status, Station.registration) == registration.value
