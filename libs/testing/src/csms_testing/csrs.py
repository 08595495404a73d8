"""Certificate signing requests as stations send them."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def csr_pem(
    *common_names: str,
    organization: str | None = None,
    key: Any = None,  # noqa: ANN401 any private key, bad ones too
    algorithm: hashes.SHA224 | hashes.SHA256 | None = None,
) -> str:
    """A CSR in PEM with these CNs, for a new ECDSA key unless `key` is given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, text, _validate=False) for text in common_names]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    needs_hash = hasattr(key, "curve") or hasattr(key, "key_size")
    csr = builder.sign(key, (algorithm or hashes.SHA256()) if needs_hash else None)
    return csr.public_bytes(Encoding.PEM).decode()
