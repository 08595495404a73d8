"""Reads and writes what auth knows about stations."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from csms_db.engine import WriteSession
from csms_db.sql import insert
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.domain.stations import Registration, Station
from csms_auth.store.chunks import chunks
from csms_auth.store.tables import stations


async def load(session: AsyncSession, station_ids: Collection[str], *, for_update: bool = False) -> dict[str, Station]:
    """Return the stations that are known among these ids, deleted ones too; one statement per 1,000 ids.

    `for_update` locks the rows until the transaction ends (PostgreSQL; SQLite has one writer anyway), in the order of
    the ids, so that two batches cannot lock each other out.
    """
    found: dict[str, Station] = {}
    for some in chunks(sorted(station_ids)):
        query = select(stations).where(stations.c.station_id.in_(some))
        if for_update:
            query = query.order_by(stations.c.station_id).with_for_update()
        rows = await session.execute(query)
        found.update((row.station_id, _station(row)) for row in rows)
    return found


async def save(session: WriteSession, changed: Collection[Station], now: datetime) -> None:
    """Write stations whose admission changed; one that is stored with the same or a newer revision is left alone."""
    if not changed:
        return
    statement = insert(session, stations)
    excluded = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[stations.c.station_id],
        set_={column.name: excluded[column.name] for column in stations.c if not column.primary_key},
        where=stations.c.revision < excluded.revision,
    )
    await session.execute(statement, [_values(station, now) for station in changed])


async def set_password(session: WriteSession, station_id: str, digest: bytes | None, now: datetime) -> bool:
    """Store another password digest, or none, whatever the revision. Returns False when the station is not known."""
    done = await session.execute(
        update(stations)
        .where(stations.c.station_id == station_id, stations.c.deleted.is_(False))
        .values(password_digest=digest, updated_at=now)
        .returning(stations.c.station_id)
    )
    return done.first() is not None


def _values(station: Station, now: datetime) -> Mapping[str, Any]:
    return {
        "station_id": station.station_id,
        "revision": station.revision,
        "security_profile": station.security_profile,
        "serial_number": station.serial_number,
        "registration": station.registration,
        "message_timeout_s": station.message_timeout_s,
        "password_digest": station.password_digest,
        "deleted": station.deleted,
        "updated_at": now,
    }


def _station(row: Row[Any]) -> Station:
    return Station(
        station_id=row.station_id,
        revision=row.revision,
        security_profile=row.security_profile,
        serial_number=row.serial_number,
        registration=Registration(row.registration) if row.registration else None,
        message_timeout_s=row.message_timeout_s,
        password_digest=row.password_digest,
        deleted=row.deleted,
    )
