"""Says which certificates of a station's chain are looked up in the revocation lists."""

import re
import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog
from cryptography import x509

_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_log = structlog.get_logger(__name__)


def flags(client_cas: Sequence[Path], client_crls: Sequence[Path]) -> ssl.VerifyFlags:
    """Return what OpenSSL must check with these files. Raises OSError when one can't be read.

    Where a root has a list, every certificate of a chain is checked: a revoked intermediate authority lets nobody in.
    OpenSSL then refuses a chain for which a list is missing. Where no root has a list, only the stations' own
    certificates can be checked, and that is logged.
    """
    roots = {each.subject for path in client_cas for each in certificates(path) if each.subject == each.issuer}
    listed = {each.issuer for path in client_crls for each in lists(path)}
    missing = _names(roots - listed)
    if roots & listed:
        if missing:
            _log.warning("authorities without a revocation list: the stations below them are refused", roots=missing)
        return ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    _log.warning("no revocation list of a root: revoked intermediate authorities are not noticed", roots=missing)
    return ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def certificates(path: Path) -> Sequence[x509.Certificate]:
    """Return the certificates of a PEM file. Raises OSError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise OSError(f"{path} does not hold certificates in PEM") from error


def lists(path: Path) -> list[x509.CertificateRevocationList]:
    """Return the revocation lists of a PEM file. Raises OSError."""
    try:
        found = [x509.load_pem_x509_crl(pem) for pem in _CRL.findall(path.read_bytes())]
    except ValueError as error:
        raise OSError(f"{path} holds a revocation list that cannot be read") from error
    if not found:
        raise OSError(f"{path} does not hold a revocation list in PEM (BEGIN X509 CRL)")
    return found


def _names(names: Iterable[x509.Name]) -> list[str]:
    return sorted(name.rfc4514_string() for name in names)
