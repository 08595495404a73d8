"""What revoking certificates means."""

from collections.abc import Collection
from datetime import datetime

from cryptography import x509
from csms_bus.ports import Outgoing
from csms_db.engine import WriteSession

from csms_auth import events
from csms_auth.domain.certificates import Certificate, revoked
from csms_auth.pki.issuing import Revoked
from csms_auth.store import certificate_requests, certificates

DELETED = "cessationOfOperation"


def revocation(certificate: Certificate) -> Revoked:
    """Return the entry of a certificate that was revoked."""
    reason = x509.ReasonFlags(certificate.reason)
    return Revoked(int(certificate.serial_number, 16), certificate.revoked_at or certificate.issued_at, reason)


async def revoke_of_deleted(session: WriteSession, station_ids: Collection[str], now: datetime) -> list[Outgoing]:
    """Revoke all certificates of stations that were deleted, and return the events of it.

    A station that is created again under the same id and serial number is not the one that has them, perhaps. What was
    asked for and is not signed yet is refused.
    """
    if not station_ids:
        return []
    await certificate_requests.refuse_pending(session, station_ids, "the station was deleted")
    changed = [
        revoked(each, DELETED, now) for each in await certificates.of_stations(session, station_ids, valid_at=now)
    ]
    await certificates.save(session, changed)
    return [events.certificate_revoked(each) for each in changed]
