"""Reads and writes the certificates that were signed for stations."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.by_time import ByTime
from csms_db.engine import WriteSession
from csms_db.sql import insert, lock_order
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import Row, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.domain.certificates import Certificate, CertificateState, RequestState
from csms_auth.domain.client_certificates import Issued
from csms_auth.pki.ports import CertificateType
from csms_auth.store.chunks import SIZE, chunks
from csms_auth.store.tables import certificate_requests, certificates, stations

KEY_COMPROMISE = "keyCompromise"
ROW_BYTES = 500
"""About so many bytes a row takes beside its chain."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which certificates to list; None: any."""

    station_id: str | None = None
    certificate_type: CertificateType | None = None
    state: CertificateState | None = None


async def save(session: WriteSession, changed: Collection[Certificate]) -> None:
    """Store certificates, new ones or others in another state."""
    if not changed:
        return
    statement = insert(session, certificates)
    # In one order, so that two writers cannot lock each other out.
    values = [_values(certificate) for certificate in sorted(changed, key=lambda one: one.certificate_id)]
    others = {name: statement.excluded[name] for name in values[0] if name != "certificate_id"}
    statement = statement.on_conflict_do_update(index_elements=[certificates.c.certificate_id], set_=others)
    await session.execute(statement, values)


async def get(session: AsyncSession, certificate_id: str) -> Certificate | None:
    """Return a certificate by our id of it."""
    row = (await session.execute(select(certificates).where(certificates.c.certificate_id == certificate_id))).first()
    return None if row is None else _certificate(row)


async def lock(session: WriteSession, certificate_ids: Collection[str]) -> dict[str, Certificate]:
    """Return certificates by their ids and lock their rows until the transaction ends."""
    found: dict[str, Certificate] = {}
    for some in chunks(sorted(certificate_ids)):
        query = select(certificates).where(certificates.c.certificate_id.in_(some))
        query = query.order_by(*lock_order(certificates.c.certificate_id)).with_for_update()
        found.update((row.certificate_id, _certificate(row)) for row in await session.execute(query))
    return found


async def of_stations(session: WriteSession, station_ids: Collection[str], *, valid_at: datetime) -> list[Certificate]:
    """Return the certificates of these stations that are neither revoked nor expired, and lock their rows."""
    found: list[Certificate] = []
    for some in chunks(sorted(station_ids)):
        query = select(certificates).where(
            certificates.c.station_id.in_(some),
            certificates.c.state != CertificateState.REVOKED,
            certificates.c.not_after > valid_at,
        )
        query = query.order_by(*lock_order(certificates.c.certificate_id)).with_for_update()
        found += map(_certificate, await session.execute(query))
    return found


async def ordered(session: WriteSession, order_ids: Collection[str]) -> dict[str, Certificate]:
    """Return the certificates that these CALLs are to deliver, by CALL, and lock their rows."""
    found: dict[str, Certificate] = {}
    for some in chunks(sorted(order_ids)):
        query = select(certificates).where(certificates.c.order_id.in_(some))
        query = query.order_by(*lock_order(certificates.c.certificate_id)).with_for_update()
        found.update((row.order_id, _certificate(row)) for row in await session.execute(query))
    return found


async def due(session: WriteSession, now: datetime, *, limit: int) -> list[Certificate]:
    """Return up to `limit` certificates that are to be delivered now, and lock their rows; others get others."""
    query = select(certificates).where(certificates.c.due_at <= now)
    query = query.order_by(certificates.c.due_at).limit(limit).with_for_update(skip_locked=True)
    return [_certificate(row) for row in await session.execute(query)]


async def connected(
    session: WriteSession, station_ids: Collection[str], due_at: datetime, *, under_way_due_at: datetime
) -> None:
    """Make deliveries to these stations due. Those with a CALL without outcome become due later: it may still come."""
    for some in chunks(sorted(station_ids)):
        to_deliver = certificates.c.station_id.in_(some), certificates.c.state == CertificateState.ISSUED
        in_order = select(certificates.c.certificate_id).where(*to_deliver)
        await session.execute(in_order.order_by(*lock_order(certificates.c.certificate_id)).with_for_update())
        for is_ordered, moment in ((False, due_at), (True, under_way_due_at)):
            ordered_or_not = certificates.c.order_id.is_not(None) if is_ordered else certificates.c.order_id.is_(None)
            await session.execute(
                update(certificates)
                .where(*to_deliver, ordered_or_not, certificates.c.due_at > moment)
                .values(due_at=moment)
            )


async def forget_orders(session: WriteSession, now: datetime) -> None:
    """Make all deliveries due that have a CALL without outcome: the bus has lost the orders."""
    await session.execute(
        update(certificates).where(certificates.c.order_id.is_not(None)).values(order_id=None, due_at=now)
    )


async def to_renew(
    session: WriteSession, now: datetime, *, expiring_before: datetime, asked_before: datetime, limit: int
) -> list[Certificate]:
    """Return certificates that end soon, that their stations use, and that nobody was asked to renew lately.

    A station uses the newest of a kind that it took. One that has asked for another already is left alone. Those that
    have ended already come last, for their stations may be gone; else it is the turn of those that were not asked for
    the longest time, so that none waits behind others for ever.
    """
    newer = certificates.alias("newer")
    request = certificate_requests
    query = (
        select(certificates)
        .where(
            certificates.c.not_after < expiring_before,
            certificates.c.state == CertificateState.ACCEPTED,
            (certificates.c.renewal_at.is_(None)) | (certificates.c.renewal_at < asked_before),
            exists().where(stations.c.station_id == certificates.c.station_id, stations.c.deleted.is_(False)),
            ~exists().where(
                newer.c.station_id == certificates.c.station_id,
                newer.c.certificate_type == certificates.c.certificate_type,
                newer.c.issued_at > certificates.c.issued_at,
                newer.c.state.in_((CertificateState.ISSUED, CertificateState.ACCEPTED)),
            ),
            ~exists().where(
                request.c.station_id == certificates.c.station_id,
                request.c.certificate_type == certificates.c.certificate_type,
                request.c.state == RequestState.PENDING,
            ),
        )
        .order_by(
            certificates.c.not_after <= now, certificates.c.renewal_at.asc().nulls_first(), certificates.c.not_after
        )
        .limit(limit)
        .with_for_update(skip_locked=True, of=certificates)
    )
    return [_certificate(row) for row in await session.execute(query)]


async def issued_since(session: AsyncSession, station_id: str, kind: CertificateType, since: datetime) -> int:
    """Return how many certificates of this kind were signed for the station since then."""
    query = select(func.count()).where(
        certificates.c.station_id == station_id,
        certificates.c.certificate_type == kind,
        certificates.c.issued_at >= since,
    )
    return await session.scalar(query) or 0


async def is_compromised(session: AsyncSession, station_id: str, key_sha256: bytes) -> bool:
    """Whether a certificate for this key of the station was revoked because others have the key."""
    query = select(certificates.c.certificate_id).where(
        certificates.c.station_id == station_id,
        certificates.c.key_sha256 == key_sha256,
        certificates.c.state == CertificateState.REVOKED,
        certificates.c.reason == KEY_COMPROMISE,
    )
    return (await session.execute(query.limit(1))).first() is not None


async def issued_among(session: AsyncSession, fingerprints: Collection[bytes]) -> dict[bytes, Issued]:
    """Return what is recorded of those among these certificates (SHA-256 of the DER) that were signed here.

    A statement per 1,000.
    """
    wanted, found = list(fingerprints), dict[bytes, Issued]()
    columns = certificates.c.fingerprint, certificates.c.station_id, certificates.c.state
    for start in range(0, len(wanted), SIZE):
        query = select(*columns).where(certificates.c.fingerprint.in_(wanted[start : start + SIZE]))
        for row in await session.execute(query):
            found[row.fingerprint] = Issued(row.station_id, revoked=row.state == CertificateState.REVOKED)
    return found


async def revoked(session: AsyncSession, kind: CertificateType, *, valid_at: datetime) -> list[Certificate]:
    """Return the revoked certificates of a kind that have not expired, for the revocation list."""
    query = select(certificates).where(
        certificates.c.state == CertificateState.REVOKED,
        certificates.c.certificate_type == kind,
        certificates.c.not_after > valid_at - timedelta(days=1),
    )
    return [_certificate(row) for row in await session.execute(query.order_by(certificates.c.revoked_at))]


async def page(
    session: AsyncSession,
    wanted: Filter,
    *,
    limit: int,
    after: tuple[datetime, str] | None,
    most_bytes: int = MAX_PAGE_BYTES,
) -> Bounded:
    """Return up to `limit` certificates, the newest first, those behind `after`; together of `most_bytes` at most."""
    given = {name: getattr(wanted, name) for name in ("station_id", "certificate_type", "state")}
    conditions = [certificates.c[name] == value for name, value in given.items() if value is not None]
    listed = ByTime(certificates.c.issued_at, certificates.c.certificate_id, filtered=bool(conditions))
    query = listed.page(select(certificates).where(*conditions), after)
    size = ROW_BYTES + func.length(certificates.c.chain)
    found = await bounded.read(session, query, size, limit=limit, most_bytes=most_bytes, mappings=True)
    return found._replace(rows=[_of(row) for row in found.rows])


def _values(certificate: Certificate) -> Mapping[str, Any]:
    return asdict(certificate)


def _certificate(row: Row[Any]) -> Certificate:
    return _of(row._mapping)  # noqa: SLF001 SQLAlchemy's public name of it


def _of(columns: Mapping[Any, Any]) -> Certificate:
    fields = dict(columns)
    fields["certificate_type"] = CertificateType(fields["certificate_type"])
    fields["state"] = CertificateState(fields["state"])
    return Certificate(**fields)
