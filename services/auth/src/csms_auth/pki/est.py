"""An external certificate authority: the client of EST (RFC 7030), /simpleenroll and /cacerts.

The authority gets the station's CSR as it is and decides itself what it signs; what comes of it is checked before it
goes to the station. It makes its own revocation lists: give them to the gateways (CSMS_OCPP_TLS_CLIENT_CRLS).
"""

import base64
import binascii
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx2
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from csms_auth.pki import csr
from csms_auth.pki.ports import AuthorityUnavailable, CertificateType, SigningRefused, SigningRequest

TIMEOUT_S = 30.0
MAX_RESPONSE = 256 * 1024
AUTHORITIES_FOR_S = 3600.0
"""How long the answer of /cacerts is used."""
MAX_RETRY_AFTER_S = 86_400.0

_REQUEST = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64", "Accept": "*/*"}
_NO_FAULT_OF_THE_CSR = {
    httpx2.codes.UNAUTHORIZED,
    httpx2.codes.FORBIDDEN,
    httpx2.codes.NOT_FOUND,
    httpx2.codes.REQUEST_TIMEOUT,
    httpx2.codes.TOO_MANY_REQUESTS,
}
"""Statuses that the next attempt may not get any more: our credentials, its address, its load."""


@dataclass(frozen=True, slots=True)
class EstAccess:
    """How the authority is reached."""

    urls: Mapping[CertificateType, str]
    """By what is to be signed: https://host/.well-known/est, with a label where the authority has several."""
    context: ssl.SSLContext
    """Whom we trust, and the certificate we show, if any."""
    credentials: tuple[str, str] | None = None
    """User name and password of HTTP Basic authentication."""


class EstAuthority:
    """Asks an EST server (a `CertificateAuthority`)."""

    def __init__(self, access: EstAccess) -> None:
        self._access = access
        self._authorities: dict[CertificateType, tuple[float, list[x509.Certificate]]] = {}

    async def sign(self, request: SigningRequest) -> Sequence[x509.Certificate]:
        """See CertificateAuthority."""
        kind = request.certificate_type
        body = base64.b64encode(request.csr.public_bytes(Encoding.DER))
        issued = _certificates(await self._ask("POST", kind, "simpleenroll", body))
        key = csr.key_sha256(request.csr)
        leaf = next((each for each in issued if csr.key_sha256(each) == key), None)
        if leaf is None:
            raise SigningRefused("the authority returned no certificate for the station's key")
        return _chain(leaf, [*issued, *await self._known(kind)])

    async def roots(self, certificate_type: CertificateType) -> Sequence[x509.Certificate]:
        """See CertificateAuthority."""
        if certificate_type not in self._access.urls:
            return []
        return [each for each in await self._known(certificate_type) if _is_root(each)]

    async def _known(self, kind: CertificateType) -> list[x509.Certificate]:
        read_at, known = self._authorities.get(kind, (0.0, []))
        if not known or time.monotonic() - read_at > AUTHORITIES_FOR_S:
            known = _certificates(await self._ask("GET", kind, "cacerts"))
            self._authorities[kind] = time.monotonic(), known
        return known

    async def _ask(self, method: str, kind: CertificateType, operation: str, body: bytes | None = None) -> bytes:
        if kind not in self._access.urls:
            raise SigningRefused(f"no authority is configured for {kind}")
        url = f"{self._access.urls[kind].rstrip('/')}/{operation}"
        client = httpx2.AsyncClient(
            verify=self._access.context, auth=self._access.credentials, timeout=TIMEOUT_S, trust_env=False
        )
        try:
            async with client, client.stream(method, url, content=body, headers=_REQUEST if body else {}) as response:
                content = await _limited(response)
        except (httpx2.HTTPError, OSError) as error:
            raise AuthorityUnavailable(f"the EST server cannot be reached ({type(error).__name__})") from error
        return _accepted(response, content)


async def _limited(response: httpx2.Response) -> bytes:
    content = b""
    async for part in response.aiter_bytes():
        content += part
        if len(content) > MAX_RESPONSE:
            raise AuthorityUnavailable("the EST server's answer is too long")
    return content


def _accepted(response: httpx2.Response, content: bytes) -> bytes:
    """Return the content of a success. Raises SigningRefused, AuthorityUnavailable."""
    status = response.status_code
    if status == httpx2.codes.OK:
        return content
    if status == httpx2.codes.ACCEPTED:
        raise AuthorityUnavailable("the EST server has not decided yet", retry_after_s=_retry_after_s(response))
    if httpx2.codes.is_client_error(status) and status not in _NO_FAULT_OF_THE_CSR:
        text = " ".join(content[:300].decode("ascii", "replace").split())
        raise SigningRefused(f"the EST server refused it: HTTP {status} {text}".rstrip())
    raise AuthorityUnavailable(f"the EST server answered HTTP {status}", retry_after_s=_retry_after_s(response))


def _retry_after_s(response: httpx2.Response) -> float | None:
    """Return what Retry-After says in seconds; a date is not understood, RFC 7030's servers send seconds."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), MAX_RETRY_AFTER_S) if text.isascii() and text.isdigit() else None


def _certificates(content: bytes) -> list[x509.Certificate]:
    """Return the certificates of a certs-only PKCS #7 message in base64. Raises AuthorityUnavailable."""
    try:
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(content))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise AuthorityUnavailable("the EST server's answer cannot be read") from error


def _chain(leaf: x509.Certificate, known: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the leaf and its issuers, without the root. Raises SigningRefused when one of them is not known."""
    chain = [leaf]
    while len(chain) <= len(known):
        issuer = next((each for each in known if _has_issued(each, chain[-1])), None)
        if issuer is None:
            raise SigningRefused("the EST server does not know who issued the certificate")
        if _is_root(issuer):
            return chain
        chain.append(issuer)
    raise SigningRefused("the authorities of the EST server have issued each other")


def _is_root(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
