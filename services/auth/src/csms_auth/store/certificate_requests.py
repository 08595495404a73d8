"""Keeps the newest certificate signing request of each station and kind."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from csms_db import bounded
from csms_db.bounded import Bounded
from csms_db.engine import WriteSession
from csms_db.sql import apart, insert, lock_order
from csms_runtime.http.pages import MAX_PAGE_BYTES
from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.domain.certificates import CertificateRequest, RequestState
from csms_auth.pki.ports import CertificateType
from csms_auth.store.chunks import chunks
from csms_auth.store.tables import certificate_requests

Key = tuple[str, str]
"""Station id and certificate type."""
ROW_BYTES = 500
"""About so many bytes a row takes beside its CSR."""
_LOCK_ORDER = lock_order(certificate_requests.c.station_id, certificate_requests.c.certificate_type)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests to list; None: any."""

    station_id: str | None = None
    certificate_type: CertificateType | None = None
    state: RequestState | None = None


async def lock(session: WriteSession, station_ids: Collection[str]) -> dict[Key, CertificateRequest]:
    """Return the requests of these stations and lock their rows until the transaction ends."""
    found: dict[Key, CertificateRequest] = {}
    for some in chunks(sorted(station_ids)):
        query = select(certificate_requests).where(certificate_requests.c.station_id.in_(some))
        query = query.order_by(*_LOCK_ORDER)
        for row in await session.execute(query.with_for_update()):
            found[row.station_id, row.certificate_type] = _request(row)
    return found


async def save(session: WriteSession, requests: Collection[CertificateRequest]) -> None:
    """Store the requests. Of one station and kind only one is kept."""
    if not requests:
        return
    statement = insert(session, certificate_requests)
    # In one order, so that two writers cannot lock each other out.
    in_order = sorted(requests, key=lambda request: (request.station_id, request.certificate_type))
    values = [_values(request) for request in in_order]
    changed = {name: statement.excluded[name] for name in values[0] if name not in ("station_id", "certificate_type")}
    statement = statement.on_conflict_do_update(
        index_elements=[certificate_requests.c.station_id, certificate_requests.c.certificate_type], set_=changed
    )
    await session.execute(statement, values)


async def claim(session: WriteSession, now: datetime, lease: timedelta, *, limit: int) -> list[CertificateRequest]:
    """Return up to `limit` requests that are due, and make them due again after the lease.

    Whoever else asks meanwhile gets others.
    """
    query = select(certificate_requests).where(certificate_requests.c.due_at <= now)
    query = query.order_by(certificate_requests.c.due_at).limit(limit).with_for_update(skip_locked=True)
    claimed = [
        replace(request, attempts=request.attempts + 1, due_at=now + lease)
        for request in map(_request, await session.execute(query))
    ]
    await save(session, claimed)
    return claimed


async def forget_claims(session: WriteSession, now: datetime) -> None:
    """Make due what is to be signed, whoever claimed it: for a process that knows itself to be the only one."""
    await session.execute(update(certificate_requests).where(certificate_requests.c.due_at > now).values(due_at=now))


async def page(
    session: AsyncSession,
    wanted: Filter,
    *,
    limit: int,
    after: tuple[str, str] | None,
    most_bytes: int = MAX_PAGE_BYTES,
) -> Bounded:
    """Return up to `limit` requests in the order of (station id, certificate type), those behind `after`.

    They have `most_bytes` together at most.
    """
    given = {name: getattr(wanted, name) for name in ("station_id", "certificate_type", "state")}
    conditions = [certificate_requests.c[name] == value for name, value in given.items() if value is not None]
    # Of a filtered list, an order that leads to the filters' indexes.
    station_id = certificate_requests.c.station_id
    key = apart(station_id) if conditions else station_id, certificate_requests.c.certificate_type
    if after is not None:
        conditions.append(tuple_(*key) > tuple_(*after))
    query = select(certificate_requests).where(*conditions).order_by(*key)
    size = ROW_BYTES + func.length(certificate_requests.c.csr)
    found = await bounded.read(session, query, size, limit=limit, most_bytes=most_bytes, mappings=True)
    return found._replace(rows=[_of(row) for row in found.rows])


async def make_due(session: WriteSession, request: CertificateRequest, due_at: datetime, reason: str) -> None:
    """Put a request off, if no other one has replaced it."""
    await session.execute(
        update(certificate_requests)
        .where(
            certificate_requests.c.station_id == request.station_id,
            certificate_requests.c.certificate_type == request.certificate_type,
            certificate_requests.c.received_at == request.received_at,
            certificate_requests.c.state == RequestState.PENDING,
        )
        .values(due_at=due_at, reason=reason)
    )


async def refuse_pending(session: WriteSession, station_ids: Collection[str], reason: str) -> None:
    """Refuse all requests of these stations that are not signed yet."""
    for some in chunks(sorted(station_ids)):
        await session.execute(
            update(certificate_requests)
            .where(certificate_requests.c.station_id.in_(some), certificate_requests.c.state == RequestState.PENDING)
            .values(state=RequestState.REFUSED, reason=reason, due_at=None)
        )


def _values(request: CertificateRequest) -> Mapping[str, Any]:
    return {
        "station_id": request.station_id,
        "certificate_type": request.certificate_type,
        "csr": request.csr,
        "received_at": request.received_at,
        "state": request.state,
        "reason": request.reason,
        "key_sha256": request.key_sha256 or None,
        "attempts": request.attempts,
        "due_at": request.due_at,
        "certificate_id": request.certificate_id,
        "request_id": request.request_id,
    }


def _request(row: Row[Any]) -> CertificateRequest:
    return _of(row._mapping)  # noqa: SLF001 SQLAlchemy's public name of it


def _of(columns: Mapping[Any, Any]) -> CertificateRequest:
    return CertificateRequest(
        station_id=columns["station_id"],
        certificate_type=CertificateType(columns["certificate_type"]),
        csr=columns["csr"],
        received_at=columns["received_at"],
        state=RequestState(columns["state"]),
        reason=columns["reason"],
        key_sha256=columns["key_sha256"] or b"",
        attempts=columns["attempts"],
        due_at=columns["due_at"],
        certificate_id=columns["certificate_id"],
        request_id=columns["request_id"],
    )
