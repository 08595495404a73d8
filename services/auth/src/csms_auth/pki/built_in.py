"""The certificate authority that is built in: a directory of certificates and encrypted keys.

    ca/root.pem, root.key            the CSMS's root: stations verify the CSMS with it, the CSMS stations
    ca/stations.pem, stations.key    signs the certificates of stations
    ca/v2g-root.pem, v2g-root.key    the V2G root: vehicles verify stations with it
    ca/v2g.pem, v2g.key              signs the certificates that stations show to vehicles
    ca/clients.pem                   stations.pem and root.pem: what a gateway verifies stations with

To sign for stations, the keys of the two roots are not needed: where that is all that is asked of it, leave them out.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from csms_runtime.clock import utcnow

from csms_auth.pki import files, issuing
from csms_auth.pki.issuing import Issuer, Revoked, Validity
from csms_auth.pki.ports import CertificateType, SigningRefused, SigningRequest

ROOT_DAYS = 20 * 365
SUBORDINATE_DAYS = 10 * 365
CRL_LIFETIME = timedelta(days=7)

_CA = "ca"
_CLIENTS = "clients.pem"


@dataclass(frozen=True, slots=True)
class _Hierarchy:
    """The file names of a root and of the authority below it, and what they are called."""

    root: str
    issuer: str
    root_name: str
    issuer_name: str


_HIERARCHIES = {
    CertificateType.CHARGING_STATION: _Hierarchy("root", "stations", "CSMS Root CA", "Charging Station CA"),
    CertificateType.V2G: _Hierarchy("v2g-root", "v2g", "V2G Root CA", "V2G Charging Station CA"),
}


def exists(directory: Path) -> bool:
    """Whether there is a certificate authority in this directory."""
    return (directory / _CA).is_dir()


def create(directory: Path, passphrase: bytes, organization: str, *, now: datetime | None = None) -> None:
    """Make the authorities, all of them or none. Raises FileExistsError when there is one, OSError, ValueError.

    ValueError: the organization is empty or has more than 64 characters.
    """
    if exists(directory):
        raise FileExistsError(f"{directory} holds a certificate authority already")
    files.make_directory(directory)
    partial = directory / f"{_CA}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    files.make_directory(partial)
    moment = now or utcnow()
    for names in _HIERARCHIES.values():
        _create(partial, names, passphrase, organization, moment)
    stations = _HIERARCHIES[CertificateType.CHARGING_STATION]
    bundle = [files.read_certificates(partial / f"{name}.pem")[0] for name in (stations.issuer, stations.root)]
    files.write_certificates(partial / _CLIENTS, bundle)
    partial.rename(directory / _CA)


def _create(directory: Path, names: _Hierarchy, passphrase: bytes, organization: str, now: datetime) -> None:
    root = issuing.root(names.root_name, organization, Validity.of_days(ROOT_DAYS, now))
    issuer = issuing.subordinate(root, names.issuer_name, organization, Validity.of_days(SUBORDINATE_DAYS, now))
    for name, authority in ((names.root, root), (names.issuer, issuer)):
        files.write_key(directory / f"{name}.key", authority.key, passphrase)
        files.write_certificates(directory / f"{name}.pem", [authority.certificate])


class BuiltInAuthority:
    """Signs with the keys in a directory (a `CertificateAuthority`). Keys are read once, when they are first needed."""

    def __init__(
        self, directory: Path, passphrase: bytes, *, others: Sequence[bytes] = (), station_days: int = 365
    ) -> None:
        """`station_days`: how long certificates of stations are valid.

        `others`: passphrases that the keys may be encrypted with instead.

        Raises OSError when there is no authority, files.WrongPassphraseError.
        """
        self._directory = directory / _CA
        self._passphrases = (passphrase, *others)
        self._station_days = station_days
        self._roots = {kind: self._certificate(names.root) for kind, names in _HIERARCHIES.items()}
        self._issuers = {kind: self._issuer(names.issuer) for kind, names in _HIERARCHIES.items()}

    @property
    def clients(self) -> Path:
        """The PEM bundle a gateway verifies stations with."""
        return self._directory / _CLIENTS

    async def sign(self, request: SigningRequest) -> Sequence[x509.Certificate]:
        """See CertificateAuthority. The subject is what is asked for, whatever the CSR says."""
        public_key = request.csr.public_key()
        if not isinstance(public_key, issuing.PublicKey):
            raise SigningRefused("the key is neither RSA nor elliptic curve")
        v2g = request.certificate_type is CertificateType.V2G
        issuer = self._issuers[request.certificate_type]
        try:
            name = issuing.subject(request.common_name, request.organization, v2g=v2g)
        except ValueError as error:
            raise SigningRefused(str(error)) from error
        validity = Validity.of_days(self._station_days, utcnow())
        return [issuing.station(issuer, public_key, name, validity), issuer.certificate]

    async def roots(self, certificate_type: CertificateType) -> Sequence[x509.Certificate]:
        """See CertificateAuthority."""
        return [self._roots[certificate_type]]

    def authorities(self) -> Sequence[x509.Certificate]:
        """Return the certificates of all authorities, each root before the one below it."""
        return [
            certificate for kind in _HIERARCHIES for certificate in (self._roots[kind], self._issuers[kind].certificate)
        ]

    def revocation_list(
        self, certificate_type: CertificateType, revoked: Iterable[Revoked]
    ) -> x509.CertificateRevocationList:
        """Return the revocation list of the authority that signs for stations, valid for a week."""
        return issuing.revocation_list(self._issuers[certificate_type], revoked, utcnow(), CRL_LIFETIME)

    def server_certificates(self, directory: Path, names: Sequence[str], organization: str, *, days: int) -> list[Path]:
        """Make an RSA and an ECDSA server certificate (A00.FR.318), each with its key beside it; return their files.

        The keys are not encrypted: the gateway reads them. Raises OSError (the root's key is not here),
        files.WrongPassphraseError, ValueError for bad names.
        """
        root = self._issuer(_HIERARCHIES[CertificateType.CHARGING_STATION].root)
        validity = Validity.of_days(days, utcnow())
        ecdsa, rsa_file = server_files(directory)
        keys: dict[Path, files.PrivateKey] = {
            ecdsa: ec.generate_private_key(ec.SECP256R1()),
            rsa_file: rsa.generate_private_key(public_exponent=65_537, key_size=3072),
        }
        made = {
            path: issuing.server(root, key.public_key(), names, organization, validity) for path, key in keys.items()
        }
        files.make_directory(directory)
        for path, certificate in made.items():
            write_pair(path, keys[path], [certificate])
        return list(made)

    def reencrypt(self) -> list[Path]:
        """Encrypt the keys that are here with the passphrase, whichever they are encrypted with; return their files.

        Each is replaced as a whole. Raises OSError, files.WrongPassphraseError (for none or some of them).
        """
        paths = sorted(self._directory.glob("*.key"))
        for path in paths:
            files.write_key(path, files.read_key(path, *self._passphrases), self._passphrases[0])
        return paths

    def is_root_of(self, certificate: x509.Certificate) -> bool:
        """Whether the root that stations know has signed this certificate."""
        try:
            certificate.verify_directly_issued_by(self._roots[CertificateType.CHARGING_STATION])
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def _issuer(self, name: str) -> Issuer:
        key = files.read_key(self._directory / f"{name}.key", *self._passphrases)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise files.WrongPassphraseError(f"{name}.key holds a key of another kind")
        return Issuer(self._certificate(name), key)

    def _certificate(self, name: str) -> x509.Certificate:
        return files.read_certificates(self._directory / f"{name}.pem")[0]


def write_pair(path: Path, key: files.PrivateKey, chain: Sequence[x509.Certificate]) -> None:
    """Write a chain to a file ".pem", and its key, not encrypted, beside it as ".key"."""
    files.write_key(path.with_suffix(".key"), key, None)
    files.write_certificates(path, chain)


def root_file(directory: Path) -> Path:
    """Return the PEM file of the root that stations verify the CSMS with."""
    return directory / _CA / f"{_HIERARCHIES[CertificateType.CHARGING_STATION].root}.pem"


def server_files(directory: Path) -> tuple[Path, Path]:
    """Return the files of the ECDSA and of the RSA server certificate."""
    return directory / "server-ecdsa.pem", directory / "server-rsa.pem"


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the host names and addresses of a server certificate."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]
