"""Has a certificate authority sign what stations asked for."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from csms_bus.ports import Outgoing
from csms_db import outbox
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_runtime import metrics
from csms_runtime.clock import now_ms, utcnow
from csms_runtime.ids import new_id
from csms_runtime.refusals import RefusalLimiter

from csms_auth import domain_events
from csms_auth.certifying.revoking import barred
from csms_auth.certifying.signed import check
from csms_auth.domain.certificates import Certificate, CertificateRequest, RequestState, pause
from csms_auth.pki import csr, files
from csms_auth.pki.csr import BadCsr
from csms_auth.pki.ports import (
    AuthorityUnavailable,
    CertificateAuthority,
    SigningRefused,
    SigningRequest,
)
from csms_auth.store import certificate_bars, certificate_requests, certificates, stations, tables

BATCH = 16
LEASE = timedelta(seconds=120)
"""How long one process has a request for itself. The authority must answer within this time."""
SIGN_TIMEOUT_S = 60.0
MOST_A_DAY = 50
"""At most so many certificates of a kind a station gets within 24 hours: it may ask for ever."""

_DAY = timedelta(days=1)
_log = structlog.get_logger(__name__)


class Signer:
    """Signs requests that are due. Several may run at a time, in several processes."""

    def __init__(self, database: Database, authority: CertificateAuthority, organization: str) -> None:
        """`organization`: the O of certificates of stations that have no organization of their own."""
        self._database = database
        self._authority = authority
        self._organization = organization
        self._refusals = RefusalLimiter()
        """Other teams are told of one refusal a minute for each station: it may send any number of requests."""

    async def sign_due(self) -> int:
        """Sign up to 16 requests that are due. Return how many there were. Raises DatabaseUnavailable."""
        async with self._database.transaction() as session:
            claimed = await certificate_requests.claim(session, utcnow(), LEASE, limit=BATCH)
        await asyncio.gather(*(self._sign(request) for request in claimed))
        return len(claimed)

    async def _sign(self, request: CertificateRequest) -> None:
        try:
            wanted = await self._wanted(request)
            async with asyncio.timeout(SIGN_TIMEOUT_S):
                chain = await self._authority.sign(wanted)
            certificate = _certificate(request, wanted, chain)
        except (BadCsr, SigningRefused) as error:
            await self._refuse(request, str(error))
        except DatabaseUnavailable:
            raise
        except (AuthorityUnavailable, TimeoutError) as error:
            await self._put_off(request, error)
        except Exception as error:  # noqa: BLE001 one request that nobody foresaw must not stop all others
            _log.exception("certificate not signed", station_id=request.station_id)
            await self._put_off(request, AuthorityUnavailable(f"internal error: {type(error).__name__}"))
        else:
            await self._keep(request, certificate)

    async def _wanted(self, request: CertificateRequest) -> SigningRequest:
        """Check the request again: meanwhile the station may have been deleted, or may have another serial number."""
        key = csr.key_sha256(csr.read(request.csr))
        async with self._database.reading() as session:
            station = (await stations.load(session, [request.station_id])).get(request.station_id)
            lately = await certificates.issued_since(
                session, request.station_id, request.certificate_type, utcnow() - _DAY
            )
            compromised = await certificates.is_compromised(session, request.station_id, key)
            bar = await certificate_bars.get(session, request.station_id)
        if station is None or station.deleted:
            raise SigningRefused("the station is not known")
        if bar is not None:
            raise SigningRefused(barred(bar.reason))
        if compromised:
            raise SigningRefused("a certificate for this key was revoked because others have the key")
        if lately >= MOST_A_DAY:
            raise SigningRefused(f"the station got {lately} certificates within 24 hours")
        wanted = csr.signing_request(
            request.csr,
            request.certificate_type,
            station_id=request.station_id,
            serial_number=station.serial_number,
            organization=station.organization or self._organization,
        )
        if not station.serial_number:
            await self._check_unused(wanted.common_name)
        return wanted

    async def _check_unused(self, name: str) -> None:
        """Raise SigningRefused when the name (a station's identity) is another station's serial number."""
        async with self._database.reading() as session:
            if await stations.named(session, [name]):
                raise SigningRefused("the station's identity is another station's serial number")

    async def _refuse(self, request: CertificateRequest, reason: str) -> None:
        refused = replace(request, state=RequestState.REFUSED, reason=reason, due_at=None)
        now = now_ms()
        names = self._refusals.due([request.station_id], now)
        told = [domain_events.certificate_refused(name, request.certificate_type, reason) for name in names]
        await self._store(request, refused, None, told)
        self._refusals.told(names, now)
        metrics.AUTH_CERTIFICATES.labels(request.certificate_type, "refused").inc()
        _log.warning("certificate refused", station_id=request.station_id, reason=reason)

    async def _put_off(self, request: CertificateRequest, error: Exception) -> None:
        asked_s = error.retry_after_s if isinstance(error, AuthorityUnavailable) else None
        wait = pause(request.attempts) if asked_s is None else timedelta(seconds=asked_s)
        reason = str(error) or "the certificate authority did not answer in time"
        async with self._database.transaction() as session:
            await certificate_requests.make_due(session, request, utcnow() + wait, reason)
        _log.warning("certificate not signed yet", station_id=request.station_id, reason=reason)

    async def _keep(self, request: CertificateRequest, certificate: Certificate) -> None:
        signed = replace(
            request,
            state=RequestState.SIGNED,
            reason="",
            due_at=None,
            certificate_id=certificate.certificate_id,
        )
        await self._store(request, signed, certificate, [domain_events.certificate_issued(certificate)])
        metrics.AUTH_CERTIFICATES.labels(request.certificate_type, "issued").inc()
        _log.info(
            "certificate issued",
            station_id=request.station_id,
            certificate_type=certificate.certificate_type,
            serial_number=certificate.serial_number,
            not_after=certificate.not_after.isoformat(),
        )

    async def _store(
        self,
        taken_up: CertificateRequest,
        request: CertificateRequest,
        certificate: Certificate | None,
        told: Sequence[Outgoing],
    ) -> None:
        """Store what became of a request, unless the station has asked for something else meanwhile."""
        key = request.station_id, request.certificate_type
        async with self._database.transaction() as session:
            present = (await certificate_requests.lock(session, [request.station_id])).get(key)
            if present is None or present.state is not RequestState.PENDING or present.csr != taken_up.csr:
                return
            if certificate is not None and await certificate_bars.get(session, request.station_id) is not None:
                return  # barred while it was signed: when the lease ends, the request is checked again
            number = present.request_id  # of a repeat that came meanwhile, if one did
            await certificate_requests.save(session, [replace(request, request_id=number)])
            if certificate is not None:
                await certificates.save(session, [replace(certificate, request_id=number)])
            await outbox.add(session, tables.outbox, told)


def _certificate(request: CertificateRequest, wanted: SigningRequest, chain: Sequence[x509.Certificate]) -> Certificate:
    """Return the certificate to keep. Raises SigningRefused when it is not what was asked for."""
    leaf, now = chain[0], utcnow()
    pem = files.pem(chain)
    check(wanted, leaf, pem, now)
    return Certificate(
        certificate_id=new_id(),
        station_id=request.station_id,
        certificate_type=request.certificate_type,
        fingerprint=leaf.fingerprint(hashes.SHA256()),
        key_sha256=csr.key_sha256(leaf),
        serial_number=f"{leaf.serial_number:x}",
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        chain=pem,
        issued_at=now,
        due_at=now,
    )
