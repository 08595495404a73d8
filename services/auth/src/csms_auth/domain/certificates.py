"""Certificates of stations: which requests are signed, what becomes of them, when they are renewed.

Requirements: A02 and A03 (SignCertificate, CertificateSigned), A00.FR.501 to .511 (what a certificate is).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from csms_auth.domain.tokens import Answer, TokenStatus, Why
from csms_auth.pki.ports import CertificateType


class CertificateStatus(StrEnum):
    """OCPP 2.0.1's AuthorizeCertificateStatusEnumType, the values used here."""

    CERT_CHAIN_ERROR = "CertChainError"


class RequestState(StrEnum):
    """What became of a signing request."""

    REFUSED = "Refused"
    """It will not be signed. The reason is kept."""
    PENDING = "Pending"
    """To be signed."""
    SIGNED = "Signed"
    """There is a certificate, which has its own state."""


class CertificateState(StrEnum):
    """What became of a certificate that was signed for a station."""

    ISSUED = "Issued"
    """To be delivered."""
    ACCEPTED = "Accepted"
    """The station took it."""
    REJECTED = "Rejected"
    """The station did not take it: it goes on with the one it had (A02.FR.07)."""
    SUPERSEDED = "Superseded"
    """Before it was delivered, the station asked for another one."""
    REVOKED = "Revoked"
    """An operator revoked it: nobody may connect with it."""


class CertificateWanted(NamedTuple):
    """What a station asks to be signed."""

    certificate_type: CertificateType
    csr: str
    """PEM."""
    request_id: int | None = None
    """The station's number of its request (OCPP 2.1); None: it has none."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A CSR as a station sent it, and what became of it."""

    station_id: str
    certificate_type: CertificateType
    csr: str
    """PEM."""
    received_at: datetime
    state: RequestState = RequestState.REFUSED
    reason: str = ""
    """Why it was refused, or why it is not signed yet; empty: no reason."""
    key_sha256: bytes = b""
    """Of the public key (SubjectPublicKeyInfo). It shows which requests are repeats. Empty: the CSR can't be read."""
    attempts: int = 0
    """How often we tried to have it signed."""
    due_at: datetime | None = None
    """When to sign it (again); None: never."""
    certificate_id: str | None = None
    request_id: int | None = None
    """The station's number of the request (OCPP 2.1), the last one if it was repeated; None: it has none."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that was signed for a station."""

    certificate_id: str
    station_id: str
    certificate_type: CertificateType
    fingerprint: bytes
    """SHA-256 of the certificate, DER."""
    key_sha256: bytes
    serial_number: str
    """In hexadecimal, lower case."""
    subject: str
    """As RFC 4514 writes it."""
    issuer: str
    not_before: datetime
    not_after: datetime
    chain: str = field(repr=False)
    """PEM, this certificate first, without the root."""
    issued_at: datetime
    state: CertificateState = CertificateState.ISSUED
    reason: str = ""
    """Why it was rejected or revoked, or why it is not delivered yet; empty: no reason."""
    order_id: str | None = None
    """The id of the CALL that delivers it and has no outcome yet."""
    attempts: int = 0
    """How often we tried to deliver it."""
    due_at: datetime | None = None
    """When to deliver it (again); None: never."""
    renewal_at: datetime | None = None
    """When the station was last asked to renew it."""
    revoked_at: datetime | None = None
    request_id: int | None = None
    """What the station asked under: it's told when the certificate is delivered (A02.FR.25)."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: nothing is signed for the station. The one who asks may have stolen its key."""

    station_id: str
    since: datetime
    reason: str
    """Why the certificate was revoked."""
    certificate_id: str
    """The certificate that was revoked."""


BARRING = frozenset({"keyCompromise", "privilegeWithdrawn"})
"""Reasons of a revocation after which a station gets no certificate until an operator allows it again."""
SAME_REQUEST = timedelta(days=1)
"""A CSR for the same key within this time is the same request again (A02.FR.17): nothing is signed a second time."""
REFUSALS_APART = timedelta(minutes=1)
"""A station that goes on sending bad CSRs, for whatever reasons, is told of again after a pause of this length."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What is stored after a request."""

    request: CertificateRequest
    """To be stored."""
    certificate: Certificate | None = None
    """To be stored: it is delivered once more, or superseded."""
    is_news: bool = True
    """False: others were told lately of such a refusal."""


def merge(known: CertificateRequest | None, certificate: Certificate | None, new: CertificateRequest) -> Merged | None:
    """Return what to store when a station asks. Return None for a repeat: nothing is stored.

    `known` is its last request for this type of certificate, `certificate` the one that was signed for it.
    """
    if known is None:
        return Merged(new)
    if new.received_at < known.received_at:
        return None  # the bus delivers an older one again
    undelivered = certificate is not None and certificate.state is CertificateState.ISSUED
    if new.state is RequestState.REFUSED:
        # The work on an earlier request goes on, whatever else the station sends.
        unfinished = undelivered or known.state is RequestState.PENDING
        return None if unfinished else _refused(known, new)
    if _repeats(known, certificate, new):
        return _again(known, certificate, new)
    if certificate is not None and undelivered:
        return Merged(new, replace(certificate, state=CertificateState.SUPERSEDED, due_at=None))
    return Merged(new)


def _repeats(known: CertificateRequest, certificate: Certificate | None, new: CertificateRequest) -> bool:
    """Whether it is the same request again (A02.FR.17), and the first one is in work or led to something of use."""
    if known.key_sha256 != new.key_sha256 or new.received_at - known.received_at >= SAME_REQUEST:
        return False
    if known.state is RequestState.PENDING:
        return True
    return certificate is not None and certificate.state in (CertificateState.ISSUED, CertificateState.ACCEPTED)


def _refused(known: CertificateRequest, new: CertificateRequest) -> Merged | None:
    if known.state is not RequestState.REFUSED:
        return Merged(new)
    told_lately = new.received_at - known.received_at < REFUSALS_APART
    is_same = known.csr == new.csr and known.reason == new.reason
    return None if is_same else Merged(new, is_news=not told_lately)


def _again(known: CertificateRequest, certificate: Certificate | None, new: CertificateRequest) -> Merged | None:
    """Deliver a certificate once more: the station has not got it. While a CALL is under way, that is waited for.

    A repeat may have another number: the certificate is delivered under the last one (A02.FR.25).
    """
    if known.state is RequestState.PENDING or certificate is None:
        is_known = known.request_id == new.request_id
        return None if is_known else Merged(replace(known, request_id=new.request_id))
    if new.received_at == known.received_at:
        return None
    if certificate.order_id is not None:
        is_known = certificate.request_id == new.request_id
        return None if is_known else Merged(known, replace(certificate, request_id=new.request_id))
    again = replace(certificate, state=CertificateState.ISSUED, due_at=new.received_at, request_id=new.request_id)
    return Merged(known, again)


FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
MOST_FAILURES = 5
"""How often a station may answer CertificateSigned with an error before it counts as rejected."""


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: 5 s, then twice as long each time, an hour at most."""
    return min(FIRST_PAUSE * (1 << min(max(attempts - 1, 0), 20)), LONGEST_PAUSE)


def put_off(certificate: Certificate, reason: str, now: datetime) -> Certificate:
    """Return a certificate that could not be delivered now: it is tried again later, or when the station connects."""
    return replace(certificate, order_id=None, reason=reason, due_at=now + pause(certificate.attempts))


def taken(certificate: Certificate) -> Certificate:
    """Return a certificate that the station took."""
    return replace(certificate, state=CertificateState.ACCEPTED, reason="", order_id=None, due_at=None)


def not_taken(certificate: Certificate, reason: str) -> Certificate:
    """Return a certificate that the station did not take. It is not offered again; the old one stays valid."""
    return replace(certificate, state=CertificateState.REJECTED, reason=reason, order_id=None, due_at=None)


def revoked(certificate: Certificate, reason: str, now: datetime) -> Certificate:
    """Return a certificate that is revoked for this reason (RFC 5280): it is not delivered any more, either."""
    return replace(
        certificate, state=CertificateState.REVOKED, reason=reason, revoked_at=now, order_id=None, due_at=None
    )


def unverifiable(answer: Answer) -> tuple[Answer, CertificateStatus]:
    """Return the answer to an Authorize with a contract certificate that cannot be verified (C07.FR.17)."""
    return replace(
        answer, status=TokenStatus.INVALID, evse_ids=(), why=Why.CERTIFICATE, tariff=None
    ), CertificateStatus.CERT_CHAIN_ERROR
