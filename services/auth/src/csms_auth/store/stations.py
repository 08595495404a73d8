"""Reads and writes what auth knows about stations."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from csms_db.engine import WriteSession
from csms_db.sql import insert, lock_order
from csms_ocpp import station_ids
from sqlalchemy import ColumnElement, LargeBinary, Row, Text, bindparam, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.domain.connections import CLIENT_CERTIFICATE
from csms_auth.domain.placement import Placement
from csms_auth.domain.stations import Registration, Renewal, Station
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


async def placements(session: AsyncSession, ids: Collection[str]) -> dict[str, Placement]:
    """Return where these stations belong, by `station_ids.key`, as far as is known; a statement per 1,000 ids."""
    columns = (stations.c.station_key, stations.c.revision, stations.c.placement, stations.c.placement_revision)
    found: dict[str, Placement] = {}
    for some in chunks(sorted(set(map(station_ids.key, ids)))):
        query = select(*columns).where(stations.c.station_key.in_(some), stations.c.deleted.is_(False))
        for row in await session.execute(query.order_by(stations.c.revision)):
            placement = _placement(row)
            if placement is None:
                found.pop(row.station_key, None)
            else:
                found[row.station_key] = placement
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


_PASSWORD_COLUMNS = ("password_digest", "password_revision", "pending_digests", "claimed_digest", "secret_key_id")
_REVISION_OF = {
    **dict.fromkeys(_PASSWORD_COLUMNS, "password_revision"),
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


async def renew(session: WriteSession, renewals: Collection[tuple[str, Renewal]]) -> None:
    """Store digests under the current key. One that was replaced by another password meanwhile stays as it is."""
    old, new = bindparam("stored", type_=LargeBinary), bindparam("renewed", type_=LargeBinary)
    key_id = bindparam("key_id", type_=Text)
    digests = {
        name: case((stations.c[name] == old, new), else_=stations.c[name])
        for name in ("password_digest", "claimed_digest")
    }
    statement = (
        update(stations)
        .where(stations.c.station_id == bindparam("station"), or_(*(stations.c[name] == old for name in digests)))
        .values(**digests, secret_key_id=case((stations.c.pending_digests.is_(None), key_id), else_=None))
    )
    in_order = sorted(renewals, key=lambda each: each[0])
    values = [
        {"station": station_id, "stored": each.stored, "renewed": each.renewed, "key_id": each.secret_key_id}
        for station_id, each in in_order
    ]
    if values:
        await session.execute(statement, values)


async def count_other_keys(session: AsyncSession, key_id: str) -> int:
    """Count the stations with a digest that is not known to be of this key."""
    return await session.scalar(select(func.count()).select_from(stations).where(*_of_other_keys(key_id))) or 0


async def of_other_keys(session: AsyncSession, key_id: str, limit: int) -> list[str]:
    """Return stations with a digest that is not known to be of this key, by their ids, up to `limit`."""
    query = select(stations.c.station_id).where(*_of_other_keys(key_id)).order_by(stations.c.station_id).limit(limit)
    return list(await session.scalars(query))


def _of_other_keys(key_id: str) -> Sequence[ColumnElement[bool]]:
    digests = (stations.c.password_digest, stations.c.pending_digests, stations.c.claimed_digest)
    return (
        stations.c.deleted.is_(False),
        # A password of before a station was moved to certificates lets nobody in.
        stations.c.security_profile < CLIENT_CERTIFICATE,
        stations.c.proven_profile < CLIENT_CERTIFICATE,
        or_(*(digest.is_not(None) for digest in digests)),
        func.coalesce(stations.c.secret_key_id, "") != key_id,
    )


async def set_password(
    session: WriteSession, station_id: str, digest: bytes | None, now: datetime, key_id: str = ""
) -> int | None:
    """Store another password digest, or none, and return the station's revision; None: the station is not known.

    `key_id`: which key the digest was made with.

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
            secret_key_id=key_id or None,
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
        "protocols": " ".join(station.protocols) or None,
        "placement": None if station.placement is None else _stored(station.placement),
        "placement_revision": station.revision,
        "registration": station.registration,
        "message_timeout_s": station.message_timeout_s,
        "password_digest": station.password_digest,
        "password_revision": station.password_revision,
        "pending_digests": b"".join(station.pending_digests) or None,
        "claimed_digest": station.claimed_digest,
        "secret_key_id": station.secret_key_id or None,
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
        protocols=tuple((row.protocols or "").split()),
        placement=_placement(row),
        registration=Registration(row.registration) if row.registration else None,
        message_timeout_s=row.message_timeout_s,
        password_digest=row.password_digest,
        password_revision=row.password_revision,
        pending_digests=_split(row.pending_digests or b""),
        claimed_digest=row.claimed_digest,
        secret_key_id=row.secret_key_id or "",
        deleted=row.deleted,
    )


def _stored(placement: Placement) -> dict[str, Any]:
    return {"site_id": placement.site_id, "labels": dict(placement.labels)}


def _placement(row: Row[*tuple[Any, ...]]) -> Placement | None:
    """Return where a station belongs. An earlier version that wrote a later revision did not know, nor do we then."""
    told = row.placement
    return (
        None if told is None or row.placement_revision != row.revision else Placement(told["site_id"], told["labels"])
    )


def _split(digests: bytes) -> tuple[bytes, ...]:
    return tuple(digests[start : start + _DIGEST_BYTES] for start in range(0, len(digests), _DIGEST_BYTES))
