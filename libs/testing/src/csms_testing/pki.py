"""Certificates for tests: a root, a sub-CA, server certificates of both kinds, client certificates good and bad.

Files are PEM. `Pki(directory)` makes everything that the gateway needs; `client` makes certificates of stations.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANIZATION = "CSMS"
"""The O of good certificates: the default of CSMS_ORGANIZATION."""
SERVER_NAMES = ("localhost", "127.0.0.1")

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_DAY = timedelta(days=1)


def new_key(kind: str = "ecdsa") -> Key:
    """A private key: "rsa" (2048 bits) or "ecdsa" (P-256)."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def name(common_name: str, organization: str | None = ORGANIZATION) -> x509.Name:
    """A subject: CN and, unless it is None, O."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate, its key and what stands between it and the root."""

    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """The certificate and its chain, the leaf first."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain))

    @property
    def der(self) -> bytes:
        """The certificate alone, DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        """The key, PKCS#8, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class Files:
    """Where a certificate with its chain, and its key, were written."""

    certificate: Path
    key: Path

    @property
    def setting(self) -> dict[str, str]:
        """As CSMS_OCPP_TLS_CERTIFICATES wants it."""
        return {"certificate": str(self.certificate), "key": str(self.key)}


class Authority:
    """A certification authority: a root, or one below another."""

    def __init__(
        self, common_name: str, parent: "Authority | None" = None, *, ends_in: timedelta = 3650 * _DAY
    ) -> None:
        self.key = new_key()
        self._parent = parent
        subject = name(common_name)
        builder = _builder(subject, parent.certificate.subject if parent else subject, self.key, -_DAY, ends_in)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_CA_USAGE, critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
        )
        signer = parent.key if parent else self.key
        self.certificate: x509.Certificate = builder.sign(signer, hashes.SHA256())

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """This authority and those above it, without the root."""
        return (self.certificate, *self._parent.chain) if self._parent is not None else ()

    @property
    def pem(self) -> bytes:
        """The authority's own certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        common_name: str,
        *,
        organization: str | None = ORGANIZATION,
        kind: str = "ecdsa",
        starts_in: timedelta = -_DAY,
        ends_in: timedelta = 365 * _DAY,
        names: Sequence[str] = (),
    ) -> Issued:
        """Issue a certificate: for a server when it has `names`, else for a client. Times are relative to now."""
        key = new_key(kind)
        subject = name(common_name, organization)
        builder = _builder(subject, self.certificate.subject, key, starts_in, ends_in)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        return Issued(builder.sign(self.key, hashes.SHA256()), key, self.chain)

    def crl(self, *revoked: "Issued | Authority", ends_in: timedelta = 30 * _DAY) -> bytes:
        """The list of revoked certificates, PEM, made a day ago."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now - _DAY).next_update(now + ends_in)
        for issued in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(issued.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - _DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Pki:
    """A root and a sub-CA, an RSA and an ECDSA server certificate, and an authority that nobody trusts."""

    def __init__(self, directory: Path) -> None:
        """Make everything, with files in `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.root = Authority("Test root")
        self.stations = Authority("Test stations", self.root)
        self.unknown = Authority("Somebody else")
        self.root_file = self.write("root.pem", self.root.pem)
        self.servers = [self.server(kind) for kind in ("rsa", "ecdsa")]

    def write(self, file: str, content: bytes) -> Path:
        """Write a file, as a whole, into the directory."""
        path = self.directory / file
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.replace(path)
        return path

    def server(self, kind: str, names: Sequence[str] = SERVER_NAMES) -> Files:
        """Issue and write a server certificate, over the one of the same kind that may be there."""
        return self.save(f"server-{kind}", self.root.issue(names[0], kind=kind, names=names))

    def save(self, stem: str, issued: Issued) -> Files:
        """Write a certificate with its chain, and its key."""
        return Files(self.write(f"{stem}.pem", issued.pem), self.write(f"{stem}.key", issued.key_pem))

    def client(self, serial_number: str, **how: object) -> Issued:
        """A station's certificate by the sub-CA; `how` as in `Authority.issue`."""
        return self.stations.issue(serial_number, **how)  # type: ignore[arg-type]

    def expired_client(self, serial_number: str) -> Issued:
        """One that was good until yesterday."""
        return self.client(serial_number, starts_in=-3 * _DAY, ends_in=-_DAY)

    def future_client(self, serial_number: str) -> Issued:
        """One that will be good from tomorrow on."""
        return self.client(serial_number, starts_in=_DAY)

    def unknown_client(self, serial_number: str) -> Issued:
        """One of an authority that the CSMS does not trust."""
        return self.unknown.issue(serial_number)

    def context(self, client: Issued | None = None) -> ssl.SSLContext:
        """What a station connects with: it trusts the root, and shows `client`."""
        context = ssl.create_default_context(cafile=str(self.root_file))
        if client is not None:
            stem = f"client-{client.certificate.serial_number:x}"
            files = self.save(stem, client)
            context.load_cert_chain(files.certificate, files.key)
        return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, starts_in: timedelta, ends_in: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now + starts_in).not_valid_after(now + ends_in)


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    return [x509.IPAddress(ip_address(each)) if _is_address(each) else x509.DNSName(each) for each in names]


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


_CA_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def trusted_pem(pem: bytes) -> bytes:
    """OpenSSL's own kind of PEM, as `openssl x509 -trustout` writes it."""
    return pem.replace(b" CERTIFICATE-", b" TRUSTED CERTIFICATE-")
