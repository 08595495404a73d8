"""Checks what a certificate authority signed before it goes to the station."""

from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID
from csms_ocpp.serial_numbers import has_word, names

from csms_auth.pki import csr
from csms_auth.pki.ports import CertificateType, SigningRefused, SigningRequest

MAX_CHAIN = 10_000
"""Characters of certificateChain in CertificateSigned."""


def check(wanted: SigningRequest, leaf: x509.Certificate, pem: str, now: datetime) -> None:
    """Raise SigningRefused for a certificate of no use: an external authority decides itself what it signs."""
    if csr.key_sha256(leaf) != csr.key_sha256(wanted.csr):
        raise SigningRefused("the certificate that was signed is for another key")
    if _is_authority(leaf):
        raise SigningRefused("the certificate that was signed is that of a certificate authority")
    if leaf.not_valid_after_utc <= now:
        raise SigningRefused("the certificate that was signed has expired")
    if len(pem) > MAX_CHAIN:
        raise SigningRefused(f"the chain has {len(pem)} characters, CertificateSigned takes {MAX_CHAIN}")
    common_names = _attributes(leaf, NameOID.COMMON_NAME)
    if len(common_names) != 1:
        raise SigningRefused("the certificate that was signed does not have exactly one CN")
    if not names(common_names[0], wanted.common_name):
        raise SigningRefused(f"the certificate that was signed does not name the station, {wanted.common_name}")
    if not all(names(each, wanted.common_name) for each in _alternative_names(leaf)):
        raise SigningRefused("the certificate that was signed has an alternative name that is not the station's")
    if wanted.certificate_type is not CertificateType.CHARGING_STATION:
        return  # the V2G authority decides which O it has
    if not any(has_word(text, wanted.organization) for text in _attributes(leaf, NameOID.ORGANIZATION_NAME)):
        raise SigningRefused(f"the O of the certificate that was signed is not {wanted.organization}")


def _is_authority(certificate: x509.Certificate) -> bool:
    """Whether others could be signed with its key."""
    return any(isinstance(each.value, x509.BasicConstraints) and each.value.ca for each in _extensions(certificate))


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    """Return the names beside the CN. With a host's name among them a station could pose as the CSMS."""
    values = (each.value for each in _extensions(certificate))
    return [str(name.value) for value in values if isinstance(value, x509.SubjectAlternativeName) for name in value]


def _extensions(certificate: x509.Certificate) -> x509.Extensions:
    try:
        return certificate.extensions
    except ValueError as error:
        raise SigningRefused("the certificate that was signed has extensions that cannot be read") from error


def _attributes(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]
