"""What of a revoked certificate is in the revocation list."""

from cryptography import x509

from csms_auth.domain.certificates import Certificate
from csms_auth.pki.issuing import Revoked


def revocation(certificate: Certificate) -> Revoked:
    """Return the entry of a certificate that was revoked."""
    reason = x509.ReasonFlags(certificate.reason)
    return Revoked(int(certificate.serial_number, 16), certificate.revoked_at or certificate.issued_at, reason)
