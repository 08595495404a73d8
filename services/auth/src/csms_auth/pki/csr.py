"""Reads and judges certificate signing requests: what comes from a station is not believed."""

import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from csms_auth.pki.issuing import MAX_NAME, PublicKey
from csms_auth.pki.ports import CertificateType, SigningRequest

MIN_RSA, MAX_RSA, MIN_CURVE = 2048, 8192, 224
"""Bits (A00.FR.502, .503); larger RSA keys take too long."""

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""What a CSR may be signed with (A00.FR.504)."""


class BadCsr(Exception):  # noqa: N818 says what is the case
    """The CSR is not going to be signed. Its text is for the station and for operators."""


def read(pem: str) -> x509.CertificateSigningRequest:
    """Return a CSR that is signed with the key it is for, and whose key is good enough. Raises BadCsr."""
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        _check_key(csr.public_key())
        if not isinstance(csr.signature_hash_algorithm, _HASHES):
            raise BadCsr("the CSR is not signed with SHA-256 or better")
        if not csr.is_signature_valid:
            raise BadCsr("the CSR's signature is not valid")
        common_names(csr)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise BadCsr("the CSR cannot be read") from error
    return csr


def common_names(csr: x509.CertificateSigningRequest) -> Sequence[str]:
    """Return the CNs of the subject."""
    return [str(attribute.value) for attribute in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def key_sha256(public: x509.CertificateSigningRequest | x509.Certificate) -> bytes:
    """Return the SHA-256 of the public key (SubjectPublicKeyInfo)."""
    return hashlib.sha256(public.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def signing_request(
    pem: str, certificate_type: CertificateType, *, station_id: str, serial_number: str, organization: str
) -> SigningRequest:
    """Return what to sign for a station. Raises BadCsr.

    ChargingStationCertificate: the CSR's CN is the station's serial number, and nothing else (A00.FR.511).
    V2GCertificate: the CSR need not have a CN; then it is the serial number, or the station's identity where none is
    registered; that it is no other station's serial number, the caller checks. One that the CSR has must be the serial
    number too: nobody gets a certificate in another's name. The O is the operator's, whatever the CSR says.
    """
    csr = read(pem)
    names = common_names(csr)
    if certificate_type is CertificateType.V2G and not names:
        return SigningRequest(csr, certificate_type, _whole(serial_number or station_id), organization)
    if not serial_number:
        raise BadCsr("no serial number is registered for this station")
    if list(names) != [serial_number]:
        raise BadCsr("the CSR's common name is not the serial number that is registered for this station")
    return SigningRequest(csr, certificate_type, _whole(serial_number), organization)


def _whole(name: str) -> str:
    """Return a name that a certificate can hold whole: cut off, it could be another's."""
    if len(name) > MAX_NAME:
        raise BadCsr(f"the station's serial number is longer than the {MAX_NAME} characters of a common name")
    return name


def _check_key(key: object) -> None:
    if not isinstance(key, PublicKey):
        raise BadCsr("the key is neither RSA nor elliptic curve")
    if isinstance(key, rsa.RSAPublicKey) and not MIN_RSA <= key.key_size <= MAX_RSA:
        raise BadCsr(f"an RSA key has {MIN_RSA} to {MAX_RSA} bits, this one has {key.key_size}")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < MIN_CURVE:
        raise BadCsr(f"an elliptic curve key has at least {MIN_CURVE} bits, this one has {key.key_size}")
