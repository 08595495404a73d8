"""Revokes certificates, and does what must follow."""

from collections.abc import Collection
from datetime import datetime

from cryptography import x509
from csms_bus.ports import Outgoing
from csms_db.engine import WriteSession

from csms_auth import domain_events
from csms_auth.certifying.orders import close
from csms_auth.domain.certificates import BARRING, Bar, Certificate, CertificateState, revoked
from csms_auth.pki.issuing import Revoked
from csms_auth.pki.ports import CertificateType
from csms_auth.store import certificate_bars, certificate_requests, certificates

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
    present = await certificates.of_stations(session, station_ids, valid_at=now)
    return await _save(session, [revoked(each, DELETED, now) for each in present])


async def revoke(session: WriteSession, known: Certificate, reason: str, now: datetime) -> list[Outgoing]:
    """Revoke a certificate and return what to publish; one that is revoked stays as it is.

    The station's connection is ended, for it may be the thief's. After a reason of `BARRING` nothing is signed for it
    any more, and what was signed and has not been delivered is revoked too: the thief may have asked for it.
    """
    told: list[Outgoing] = []
    if reason in BARRING:
        told += await _bar(session, known, reason, now)
    certificate = (await certificates.lock(session, [known.certificate_id]))[known.certificate_id]
    if certificate.state is not CertificateState.REVOKED:
        told += await _save(session, [revoked(certificate, reason, now)])
    if certificate.certificate_type is CertificateType.CHARGING_STATION:
        told.append(close(certificate.station_id, "a certificate of the station was revoked"))
    return told


async def _bar(session: WriteSession, known: Certificate, reason: str, now: datetime) -> list[Outgoing]:
    await certificate_bars.add(session, Bar(known.station_id, now, reason, known.certificate_id))
    await certificate_requests.refuse_pending(session, [known.station_id], barred(reason))
    present = await certificates.of_stations(session, [known.station_id], valid_at=now)
    undelivered = [each for each in present if each.state is CertificateState.ISSUED]
    return await _save(session, [revoked(each, reason, now) for each in undelivered])


def barred(reason: str) -> str:
    """Return why a station gets no certificate, for operators."""
    return f"a certificate of the station was revoked ({reason}), and no operator has allowed others since"


async def _save(session: WriteSession, changed: Collection[Certificate]) -> list[Outgoing]:
    await certificates.save(session, changed)
    return [domain_events.certificate_revoked(each) for each in changed]
