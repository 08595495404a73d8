"""Makes X.509 certificates and revocation lists: what is in them, and nothing about where they are kept.

Certificate properties: A00.FR.501 to .514. No Extended Key Usage (A00.FR.514).
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.x509.oid import NameOID

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

CLOCK_SKEW = timedelta(hours=1)
"""How far a new certificate's start lies in the past: a station's clock may be behind (errata of A02.FR.06)."""
MAX_NAME = 64
"""Most characters of CN and O (RFC 5280, ub-common-name)."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate authority: its certificate, and the key that belongs to it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate is valid."""

    start: datetime
    end: datetime

    @classmethod
    def of_days(cls, days: int, now: datetime) -> "Validity":
        """Return the validity of a certificate made now."""
        return cls(now - CLOCK_SKEW, now + timedelta(days=days))

    def within(self, issuer: x509.Certificate) -> "Validity":
        """Return the part of it in which the issuer is valid too."""
        return Validity(max(self.start, issuer.not_valid_before_utc), min(self.end, issuer.not_valid_after_utc))


@dataclass(frozen=True, slots=True)
class Revoked:
    """An entry of a revocation list."""

    serial_number: int
    at: datetime
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


def new_ca_key() -> ec.EllipticCurvePrivateKey:
    """Return a key for an authority: ECDSA P-256, which ISO 15118-2 demands for its own hierarchy."""
    return ec.generate_private_key(ec.SECP256R1())


def root(common_name: str, organization: str, validity: Validity) -> Issuer:
    """Make a root."""
    key = new_ca_key()
    name = subject(common_name, organization)
    builder = _builder(name, name, key.public_key(), validity)
    builder = _authority(builder, key.public_key(), key.public_key(), path_length=1)
    return Issuer(builder.sign(key, hashes.SHA256()), key)


def subordinate(issuer: Issuer, common_name: str, organization: str, validity: Validity) -> Issuer:
    """Make an authority below a root; it signs no further authorities."""
    key = new_ca_key()
    validity = validity.within(issuer.certificate)
    builder = _builder(subject(common_name, organization), issuer.certificate.subject, key.public_key(), validity)
    builder = _authority(builder, key.public_key(), issuer.key.public_key(), path_length=0)
    return Issuer(builder.sign(issuer.key, hashes.SHA256()), key)


def server(
    issuer: Issuer, public_key: PublicKey, names: Sequence[str], organization: str, validity: Validity
) -> x509.Certificate:
    """Make a server certificate: the CN is the first name (A00.FR.510), all names are alternative names.

    Stations are to compare the CN, common TLS libraries compare the alternative names alone. Raises ValueError for a
    name that is neither a host name nor an address, or a first name of more than 64 characters.
    """
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    builder = _leaf(issuer, public_key, subject(names[0], organization), validity)
    builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(issuer.key, hashes.SHA256())


def station(issuer: Issuer, public_key: PublicKey, name: x509.Name, validity: Validity) -> x509.Certificate:
    """Make a certificate for a station: a client's (A00.FR.511), or the one it shows to vehicles (V2G)."""
    return _leaf(issuer, public_key, name, validity).sign(issuer.key, hashes.SHA256())


def revocation_list(
    issuer: Issuer, revoked: Iterable[Revoked], now: datetime, lifetime: timedelta
) -> x509.CertificateRevocationList:
    """Make the list of the issuer's revoked certificates; its number is the time, so that it grows everywhere."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - CLOCK_SKEW)
        .next_update(now + lifetime)
        .add_extension(_authority_key(issuer.key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
    )
    for entry in revoked:
        builder = builder.add_revoked_certificate(_entry(entry))
    return builder.sign(issuer.key, hashes.SHA256())


def subject(common_name: str, organization: str, *, v2g: bool = False) -> x509.Name:
    """Return a distinguished name; `v2g` adds the domain component that ISO 15118-2 asks of a station.

    Raises ValueError when a part is empty or has more than 64 characters.
    """
    parts = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
    ]
    if v2g:
        parts.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "CPO"))
    return x509.Name(parts)


def _leaf(issuer: Issuer, public_key: PublicKey, name: x509.Name, validity: Validity) -> x509.CertificateBuilder:
    builder = _builder(name, issuer.certificate.subject, public_key, validity.within(issuer.certificate))
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_leaf_usage(public_key), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_authority_key(issuer.key.public_key()), critical=False)
    )


def _builder(name: x509.Name, issuer: x509.Name, public_key: PublicKey, validity: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.start)
        .not_valid_after(validity.end)
    )


def _authority(
    builder: x509.CertificateBuilder,
    public_key: PublicKey,
    issuer_key: CertificateIssuerPublicKeyTypes,
    *,
    path_length: int,
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_authority_key(issuer_key), critical=False)
    )


def _leaf_usage(public_key: PublicKey) -> x509.KeyUsage:
    # The cipher suites TLS_RSA_* encrypt with the key; ISO 15118-2's TLS_ECDH_* agree on one with it.
    is_rsa = isinstance(public_key, rsa.RSAPublicKey)
    return _usage(digital_signature=True, key_encipherment=is_rsa, key_agreement=not is_rsa)


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_agreement: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(issuer_key: CertificateIssuerPublicKeyTypes) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _entry(entry: Revoked) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(entry.serial_number).revocation_date(entry.at)
    if entry.reason is not x509.ReasonFlags.unspecified:  # RFC 5280: absent instead of unspecified
        builder = builder.add_extension(x509.CRLReason(entry.reason), critical=False)
    return builder.build()
