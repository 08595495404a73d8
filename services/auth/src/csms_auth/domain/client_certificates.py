"""Whose is the certificate that a station showed (security profile 3)?

The TLS layer has checked its chain and validity. Requirements: A00.FR.403 to .407, A00.FR.702.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from csms_ocpp import serial_numbers, station_ids


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Those parts of a certificate that decide."""

    common_name: str
    organizations: Sequence[str]
    not_before: datetime
    not_after: datetime
    fingerprint: bytes
    """SHA-256 of the certificate."""


@dataclass(frozen=True, slots=True)
class Issued:
    """What is recorded of a certificate that was signed here."""

    station_id: str
    """The station that it was signed for."""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """The station that a certificate should belong to."""

    station_id: str
    serial_number: str
    organization: str
    """The name that must be in the O."""


def fault(
    certificate: ClientCertificate, owner: Owner, *, now: datetime, issued: Issued | None, named: Collection[str]
) -> str | None:
    """Return why this is not the certificate of this station; None: it is.

    `issued` is what is recorded of it: it belongs to the station that it was signed for, whomever else its CN may name.
    None: somebody else signed it; then `named`, the stations whose serial number is the CN itself, must be no other,
    unless it is this one's serial number too.
    The validity is checked here again, since a TLS session that is resumed is not.
    """
    if not certificate.not_before <= now <= certificate.not_after:
        return "the client certificate is not valid at this time"
    if issued is not None and issued.revoked:
        return "the client certificate is revoked"
    if not any(serial_numbers.has_word(each, owner.organization) for each in certificate.organizations):
        return "the client certificate's O does not name the station's organization"  # A00.FR.404
    return _misnamed(certificate, owner) or _others(certificate, owner, issued, named)


def _misnamed(certificate: ClientCertificate, owner: Owner) -> str | None:
    if not owner.serial_number.strip():
        return "no serial number is registered for this station"
    if not serial_numbers.names(certificate.common_name, owner.serial_number):
        return "the client certificate's CN does not name the station's serial number"  # A00.FR.405
    return None


def _others(certificate: ClientCertificate, owner: Owner, issued: Issued | None, named: Collection[str]) -> str | None:
    if issued is not None:
        return None if issued.station_id == owner.station_id else "the client certificate was issued to another station"
    # Where the CN is this station's serial number itself, another with the same number must not lock it out.
    if not _same(certificate.common_name, owner.serial_number) and any(each != owner.station_id for each in named):
        return "the client certificate's CN is another station's serial number"
    return None


def _same(one: str, other: str) -> bool:
    return station_ids.key(one) == station_ids.key(other)
