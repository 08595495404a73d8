"""What is said about certificates as long as no PKI is configured."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from csms_auth.domain.tokens import Answer, TokenStatus


class CertificateStatus(StrEnum):
    """OCPP 2.0.1's AuthorizeCertificateStatusEnumType, the values used here."""

    CERT_CHAIN_ERROR = "CertChainError"


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A CSR as a station sent it."""

    station_id: str
    certificate_type: str
    """"ChargingStationCertificate" or "V2GCertificate"."""
    csr: str
    """PEM, unchecked."""
    received_at: datetime


def unverifiable(answer: Answer) -> tuple[Answer, CertificateStatus]:
    """Return the answer to an Authorize with a contract certificate that cannot be verified (C07.FR.17)."""
    return replace(answer, status=TokenStatus.INVALID, evse_ids=()), CertificateStatus.CERT_CHAIN_ERROR
