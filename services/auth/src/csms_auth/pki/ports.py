"""What auth asks of a certificate authority (A02.FR.04: it is one of its own, auth only forwards CSRs).

Errors:

    AuthorityError
    ├── SigningRefused         this CSR is not going to be signed; trying again is no use
    └── AuthorityUnavailable   the authority cannot be reached or has not decided yet
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography import x509


class AuthorityError(Exception):
    """Base of what an authority may raise."""


class SigningRefused(AuthorityError):  # noqa: N818 says what is the case
    """The authority does not sign this CSR. Its text is for operators."""


class AuthorityUnavailable(AuthorityError):  # noqa: N818 as above
    """Ask again later. `retry_after_s`: when the authority said so."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class CertificateType(StrEnum):
    """OCPP 2.0.1's CertificateSigningUseEnumType."""

    CHARGING_STATION = "ChargingStationCertificate"
    V2G = "V2GCertificate"


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A CSR that was checked, and the names the certificate is to bear."""

    csr: x509.CertificateSigningRequest
    certificate_type: CertificateType
    common_name: str
    """At most 64 characters."""
    organization: str
    """At most 64 characters."""


class CertificateAuthority(Protocol):
    """Signs CSRs. Safe for use by many tasks."""

    async def sign(self, request: SigningRequest) -> Sequence[x509.Certificate]:
        """Return the chain: the new certificate first, then its issuers, without the root.

        Raises SigningRefused, AuthorityUnavailable.
        """
        ...

    async def roots(self, certificate_type: CertificateType) -> Sequence[x509.Certificate]:
        """Return the roots that verify certificates of this type. Raises AuthorityUnavailable."""
        ...
