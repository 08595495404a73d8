"""Reads and writes what auth knows about stations."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from csms_db.engine import WriteSession
from csms_db.sql import insert, lock_order
from csms_ocpp import station_ids
from sqlalchemy import ColumnElement, Row, case, func, select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.domain.stations import Registration, Station
from csms_auth.store.chunks import chunks
from csms_auth.store.tables import stations


async def load(session: AsyncSession, ids: Collection[str], *, lock: bool = False) -> dict[str, Station]:
    """Return the stations that are known among these ids, in any case, and deleted ones too; a statement per 1,000 ids.

    `lock`: on PostgreSQL nobody else changes their rows until the transaction ends.
    """
    found: dict[str, Station] = {}
    for some in chunks(sorted(set(map(station_ids.key, ids)))):
        query = select(stations).where(stations.c.station_key.in_(some))
        if lock:
            # In one order, so that two writers cannot lock each other out.
            query = query.order_by(*lock_order(stations.c.station_id)).with_for_update()
        rows = await session.execute(query)
        found.update((row.station_id, _station(row)) for row in rows)
    return found


async def spelling(session: AsyncSession, station_id: str) -> str:
    """Return how a station is spelled here. An unknown one is spelled as it was given."""
    if station_ids.fault_of(station_id):
        return station_id
    statement = (
        select(stations.c.station_id)
        .where(stations.c.station_key == station_ids.key(station_id))
        .order_by(stations.c.deleted, (stations.c.station_id == station_id).desc(), stations.c.revision.desc())
        .limit(1)
    )
    return await session.scalar(statement) or station_id


async def named(session: AsyncSession, common_names: Collection[str]) -> dict[str, set[str]]:
    """Return the stations with these serial numbers (in any case), by number. It is one statement per 1,000."""
    given: dict[str, list[str]] = {}
    for name in common_names:
        given.setdefault(station_ids.key(name), []).append(name)
    found: dict[str, set[str]] = {}
    for some in chunks(list(given)):
        query = select(stations.c.serial_key, stations.c.station_id).where(
            stations.c.serial_key.in_(some), stations.c.deleted.is_(False)
        )
        for row in await session.execute(query):
            for name in given[row.serial_key]:
                found.setdefault(name, set()).add(row.station_id)
    return found


async def save(session: WriteSession, changed: Collection[Station], now: datetime) -> None:
    """Write stations whose admission changed.

    Merges as `csms_auth.domain.stations.admit` does: what somebody else has stored meanwhile, newer, stays.
    """
    if not changed:
        return
    statement = insert(session, stations)
    newest = {
        column.name: _newest(statement, column.name, by=_REVISION_OF.get(column.name, "revision"))
        for column in stations.c
        if not column.primary_key
    }
    statement = statement.on_conflict_do_update(index_elements=[stations.c.station_id], set_=newest)
    # In one order, so that two writers cannot lock each other out.
    in_order = sorted(changed, key=lambda station: station.station_id)
    await session.execute(statement, [_values(station, now) for station in in_order])


_REVISION_OF = {
    **dict.fromkeys(("password_digest", "password_revision", "pending_digests", "claimed_digest"), "password_revision"),
    **dict.fromkeys(("proven_profile", "proven_revision"), "proven_revision"),
}
_DIGEST_BYTES = 32


def _newest(statement: Insert, column: str, *, by: str) -> ColumnElement[Any]:
    return case(
        (statement.excluded[by] > stations.c[by], statement.excluded[column]),
        else_=stations.c[column],
    )


async def count(session: AsyncSession, most: int) -> int:
    """Count the known stations without deleted ones, up to `most`."""
    known = select(stations.c.station_id).where(stations.c.deleted.is_(False)).limit(most).subquery()
    return await session.scalar(select(func.count()).select_from(known)) or 0


async def set_password(session: WriteSession, station_id: str, digest: bytes | None, now: datetime) -> int | None:
    """Store another password digest, or none, and return the station's revision; None: the station is not known.

    What device-mgmt told up to now can no longer replace it, what it tells later can.
    """
    done = await session.execute(
        update(stations)
        .where(stations.c.station_id == station_id, stations.c.deleted.is_(False))
        .values(
            password_digest=digest,
            password_revision=stations.c.revision,
            pending_digests=None,
            claimed_digest=None,
            updated_at=now,
        )
        .returning(stations.c.revision)
    )
    revision: int | None = done.scalar()
    return revision


def _values(station: Station, now: datetime) -> Mapping[str, Any]:
    return {
        "station_id": station.station_id,
        "station_key": station_ids.key(station.station_id),
        "revision": station.revision,
        "security_profile": station.security_profile,
        "pending_security_profile": station.pending_security_profile,
        "proven_profile": station.proven_profile,
        "proven_revision": station.proven_revision,
        "serial_number": station.serial_number,
        "serial_key": station_ids.key(station.serial_number),
        "organization": station.organization or None,
        "registration": station.registration,
        "message_timeout_s": station.message_timeout_s,
        "password_digest": station.password_digest,
        "password_revision": station.password_revision,
        "pending_digests": b"".join(station.pending_digests) or None,
        "claimed_digest": station.claimed_digest,
        "deleted": station.deleted,
        "updated_at": now,
    }


def _station(row: Row[Any]) -> Station:
    return Station(
        station_id=row.station_id,
        revision=row.revision,
        security_profile=row.security_profile,
        pending_security_profile=row.pending_security_profile,
        proven_profile=row.proven_profile,
        proven_revision=row.proven_revision,
        serial_number=row.serial_number,
        organization=row.organization or "",
        registration=Registration(row.registration) if row.registration else None,
        message_timeout_s=row.message_timeout_s,
        password_digest=row.password_digest,
        password_revision=row.password_revision,
        pending_digests=_split(row.pending_digests or b""),
        claimed_digest=row.claimed_digest,
        deleted=row.deleted,
    )


def _split(digests: bytes) -> tuple[bytes, ...]:
    return tuple(digests[start : start + _DIGEST_BYTES] for start in range(0, len(digests), _DIGEST_BYTES))
