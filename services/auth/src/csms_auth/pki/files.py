"""Files of keys and certificates: written whole or not at all, keys for their owner's eyes only."""

import os
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from csms_runtime.starting import CannotStart

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_SECRET, _PUBLIC, _DIRECTORY = 0o600, 0o644, 0o700


class WrongPassphraseError(CannotStart):
    """A key file cannot be decrypted: another CSMS_PKI_PASSPHRASE (or CSMS_SECRET_KEY) made it."""


def make_directory(path: Path) -> None:
    """Create a directory that only its owner may enter, if there is none."""
    path.mkdir(mode=_DIRECTORY, parents=True, exist_ok=True)


def pem(certificates: Iterable[x509.Certificate]) -> str:
    """Return certificates as PEM, in the order given."""
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


def write_certificates(path: Path, certificates: Iterable[x509.Certificate]) -> None:
    """Write certificates as PEM, readable by all who may enter the directory. Raises OSError."""
    _write(path, pem(certificates).encode(), _PUBLIC)


def write_key(path: Path, key: PrivateKey, passphrase: bytes | None) -> None:
    """Write a key as PKCS#8, encrypted unless `passphrase` is None. Raises OSError."""
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    content = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    _write(path, content, _SECRET)


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Read certificates. Raises OSError, ValueError when the file holds something else."""
    return x509.load_pem_x509_certificates(path.read_bytes())


def read_key(path: Path, *passphrases: bytes) -> PrivateKey:
    """Read a key that is encrypted with one of these. Raises OSError, WrongPassphraseError."""
    content = path.read_bytes()
    for passphrase in passphrases:
        try:
            key = serialization.load_pem_private_key(content, passphrase)
        except ValueError:
            continue
        if not isinstance(key, PrivateKey):
            raise WrongPassphraseError(f"{path} holds a key of another kind")
        return key
    raise WrongPassphraseError(
        f"{path} cannot be decrypted: CSMS_PKI_PASSPHRASE, or CSMS_SECRET_KEY when there is none, is another one"
    )


def belongs(key_file: Path, certificate: x509.Certificate) -> bool:
    """Whether a key file that is not encrypted holds the certificate's key. Raises OSError, ValueError."""
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    return key.public_key() == certificate.public_key()


def _write(path: Path, content: bytes, mode: int) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)  # of a process that was killed; its mode could be another
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    partial.replace(path)
