"""Finds out who is at the other end of a connection, also behind a proxy that ends TLS. Pure.

A proxy's headers count only when the connection comes from a trusted network and, unless that is this machine, shows
the secret that proxies and gateways share: anybody could send such headers, and an address alone proves nothing where
other pods have one of the same network.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from websockets.datastructures import Headers

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Visitor:
    """A peer whose identity is not known yet."""

    address: str
    """As text; empty: not known."""
    tls: bool = False
    certificate: bytes = field(default=b"", repr=False)
    """Client certificate (DER). Its chain and validity were checked. Empty: the peer showed none."""


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """Which proxies are trusted, and the names of their headers."""

    trusted: Sequence[Network] = ()
    certificate_header: str = "X-SSL-Client-Cert"
    """Client certificate as URL-encoded PEM (nginx: $ssl_client_escaped_cert)."""
    verify_header: str = "X-SSL-Client-Verify"
    """"SUCCESS" when the proxy has checked the certificate (nginx: $ssl_client_verify)."""
    secret_header: str = "X-CSMS-Proxy-Secret"  # noqa: S105 the name of a header
    secrets: Sequence[bytes] = field(default=(), repr=False)
    """What the proxy shows in it: one of these. Empty: its address is enough."""

    def trusts(self, address: str) -> bool:
        """Whether the address is that of a trusted proxy."""
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self.trusted)

    def knows(self, headers: Headers) -> bool:
        """Whether a secret is shown, once and nothing else; in the same time whichever is."""
        if not self.secrets:
            return True
        shown = headers.get_all(self.secret_header)
        given = shown[0].encode(errors="replace") if len(shown) == 1 else b""
        return sum(hmac.compare_digest(given, secret) for secret in self.secrets) > 0


def behind(visitor: Visitor, headers: Headers, rules: ProxyRules) -> Visitor:
    """Return who is behind the proxy. Returns the visitor itself when it is no trusted proxy, or shows no secret.

    A trusted proxy says in X-Forwarded-Proto how the station reached it. One that does not only passes bytes on.
    """
    if not rules.trusted or not rules.trusts(visitor.address) or not rules.knows(headers):
        return visitor
    address = _forwarded_for(headers, rules) or visitor.address
    hops = _values(headers, "X-Forwarded-Proto")
    if not hops:
        return Visitor(address, visitor.tls, visitor.certificate)
    tls = hops[-1].lower() in {"https", "wss"}
    return Visitor(address, tls, _certificate(headers, rules) if tls else b"")


def _forwarded_for(headers: Headers, rules: ProxyRules) -> str:
    """Return the last address that is not one of our proxies. Anybody may have written those before it."""
    for text in reversed(_values(headers, "X-Forwarded-For")):
        parsed = _address(text)
        if parsed is None:
            return ""
        if not rules.trusts(text):
            return str(parsed)
    return ""


def _certificate(headers: Headers, rules: ProxyRules) -> bytes:
    verified, escaped = headers.get_all(rules.verify_header), headers.get_all(rules.certificate_header)
    if verified != ["SUCCESS"] or len(escaped) != 1:
        return b""
    try:
        return x509.load_pem_x509_certificate(unquote_to_bytes(escaped[0])).public_bytes(Encoding.DER)
    except (ValueError, x509.InvalidVersion):
        return b""


def _values(headers: Headers, name: str) -> list[str]:
    values = (part.strip() for value in headers.get_all(name) for part in value.split(","))
    return [value for value in values if value]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(
            text.partition("%")[0]
        )  # a zone ("%eth0") has a meaning on one machine only, and may be any text
    except ValueError:
        return None
    # A socket that listens for IPv4 and IPv6 shows IPv4 addresses in this form.
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
