"""Whose is the certificate that a station showed (security profile 3)?

The TLS layer has checked its chain and validity. Requirements: A00.FR.403 to .407, A00.FR.702.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from csms_ocpp import serial_numbers


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What counts of a certificate."""

    common_name: str
    organizations: Sequence[str]
    not_before: datetime
    not_after: datetime
    fingerprint: bytes
    """SHA-256 of the certificate."""


def fault(
    certificate: ClientCertificate, serial_number: str, organization: str, *, now: datetime, revoked: bool
) -> str | None:
    """Return why this is not the certificate of the station with this serial number; None: it is.

    The validity is checked here again, since a TLS session that is resumed is not.
    """
    if not certificate.not_before <= now <= certificate.not_after:
        return "the client certificate is not valid at this time"
    if revoked:
        return "the client certificate is revoked"
    if not any(organization in each for each in certificate.organizations):
        return "the client certificate's O does not name the station's organization"  # A00.FR.404
    if not serial_number.strip():
        return "no serial number is registered for this station"
    if not serial_numbers.names(certificate.common_name, serial_number):
        return "the client certificate's CN does not name the station's serial number"  # A00.FR.405
    return None
