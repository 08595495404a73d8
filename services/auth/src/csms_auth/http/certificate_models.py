"""Bodies of the certificate resources."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from csms_auth.domain.certificates import Bar, Certificate, CertificateRequest, CertificateState, RequestState
from csms_auth.http.fields import Moment
from csms_auth.pki.ports import CertificateType

Reason = Literal[
    "unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation", "privilegeWithdrawn"
]
"""Reasons of RFC 5280 that hold for a station's certificate."""


class RevocationBody(BaseModel):
    """Why a certificate is revoked."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(
        "unspecified",
        description="As in RFC 5280; after keyCompromise and privilegeWithdrawn nothing is signed for the station "
        "until its bar is taken away, and after keyCompromise never for the same key",
    )


class CertificateItem(BaseModel):
    """A certificate that was signed for a station."""

    id: str
    station_id: str
    certificate_type: CertificateType
    state: CertificateState
    reason: str | None = Field(description="Why it was rejected or revoked, or why it is not delivered yet")
    serial_number: str = Field(description="In hexadecimal")
    fingerprint_sha256: str = Field(description="In hexadecimal")
    subject: str = Field(description="As in RFC 4514")
    issuer: str
    not_before: Moment
    not_after: Moment
    issued_at: Moment
    revoked_at: Moment | None

    @classmethod
    def of(cls, certificate: Certificate) -> Self:
        """Return the item of a certificate."""
        return cls(**_shown(certificate))


class CertificateWithChain(CertificateItem):
    """A certificate, and the certificate itself."""

    chain: str = Field(description="PEM: this certificate, then those of its issuers, without the root")

    @classmethod
    def of(cls, certificate: Certificate) -> Self:
        """Return the item of a certificate."""
        return cls(**_shown(certificate), chain=certificate.chain)


class RequestItem(BaseModel):
    """The newest request of a station for a certificate of a type."""

    id: str = Field(description='"station_id/certificate_type"')
    station_id: str
    certificate_type: CertificateType
    state: RequestState
    reason: str | None = Field(description="Why it was refused, or why it is not signed yet")
    received_at: Moment
    certificate_id: str | None = Field(description="The certificate that was signed")
    csr: str = Field(description="As the station sent it")

    @classmethod
    def of(cls, request: CertificateRequest) -> Self:
        """Return the item of a request."""
        return cls(
            id=f"{request.station_id}/{request.certificate_type}",
            station_id=request.station_id,
            certificate_type=request.certificate_type,
            state=request.state,
            reason=request.reason or None,
            received_at=request.received_at,
            certificate_id=request.certificate_id,
            csr=request.csr,
        )


class AuthorityItem(BaseModel):
    """Whom to trust."""

    roots: dict[CertificateType, str] = Field(
        description="PEM by certificate type: what stations (ChargingStationCertificate) and vehicles (V2GCertificate) "
        "verify with. Empty: there is no certificate authority"
    )


class BarItem(BaseModel):
    """A station for which nothing is signed."""

    id: str = Field(description="The station's id")
    since: Moment
    reason: str = Field(description="Why its certificate was revoked: keyCompromise or privilegeWithdrawn")
    certificate_id: str = Field(description="The certificate that was revoked")

    @classmethod
    def of(cls, bar: Bar) -> Self:
        """Return the item of a bar."""
        return cls(id=bar.station_id, since=bar.since, reason=bar.reason, certificate_id=bar.certificate_id)


def _shown(certificate: Certificate) -> dict[str, object]:
    return {
        "id": certificate.certificate_id,
        "station_id": certificate.station_id,
        "certificate_type": certificate.certificate_type,
        "state": certificate.state,
        "reason": certificate.reason or None,
        "serial_number": certificate.serial_number,
        "fingerprint_sha256": certificate.fingerprint.hex(),
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "issued_at": certificate.issued_at,
        "revoked_at": certificate.revoked_at,
    }
