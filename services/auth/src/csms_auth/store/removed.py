"""Deletes what is left of removed stations, and certificates that ended, once nothing needs them any more."""

from datetime import datetime

from csms_db.engine import WriteSession
from sqlalchemy import delete, select

from csms_auth.domain.certificates import CertificateState
from csms_auth.store.certificates import KEY_COMPROMISE
from csms_auth.store.tables import certificate_requests, certificates, connection_numbers, stations


async def forget_stations(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` stations that were removed before that moment, with all that is theirs; return how many.

    What tells of them came long before, and a number of a connection is at least the time: when a station of that name
    comes again, its numbers are higher than those that are forgotten. Certificates go by `forget_certificates`, for one
    that is forgotten cannot be revoked; a bar stays until an operator takes it away.
    """
    chosen = (
        select(stations.c.station_id)
        .where(stations.c.deleted, stations.c.updated_at < before)
        .order_by(stations.c.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(chosen)).all()
    for table in (connection_numbers, certificate_requests, stations):
        await session.execute(delete(table).where(table.c.station_id.in_(found)))
    return len(found)


async def forget_certificates(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` certificates that ended before that moment; return how many there were.

    Those stay that were revoked because others have the key: nothing is signed for it again.
    """
    is_compromised = (certificates.c.state == CertificateState.REVOKED) & (certificates.c.reason == KEY_COMPROMISE)
    chosen = (
        select(certificates.c.certificate_id)
        .where(certificates.c.not_after < before, ~is_compromised)
        .order_by(certificates.c.not_after)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(chosen)).all()
    await session.execute(delete(certificates).where(certificates.c.certificate_id.in_(found)))
    return len(found)
