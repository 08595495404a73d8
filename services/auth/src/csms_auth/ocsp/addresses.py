"""Decides to which addresses of a station's choice we send a question: not to our own network (SSRF)."""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
_PORTS = {"http": 80, "https": 443}


class NotAllowed(Exception):  # noqa: N818 says what is the case
    """This URL is not asked. Its text is for the station."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. We connect to the address that was checked, to no other."""

    scheme: str
    """"http" or "https"."""
    host: str
    """As the URL names it: for the header Host, and for the certificate."""
    address: Address
    port: int
    path: str
    """With the query; starts with "/"."""

    @property
    def url(self) -> str:
        """The URL with the address instead of the name."""
        host = f"[{self.address}]" if isinstance(self.address, IPv6Address) else str(self.address)
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        """The header Host."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether questions may go to an address: it is on the Internet, or within a network that is allowed by name."""
    meant = _meant(address)
    if _is_named(address, allowed):
        return True
    odd = meant.is_multicast or meant.is_reserved or (isinstance(meant, IPv6Address) and meant.is_site_local)
    return meant.is_global and not odd and meant not in _LOCAL_NAT64


async def target_of(url: str, allowed: Sequence[Network], resolving: Executor) -> Target:
    """Return where a URL leads, resolving its name. Raises NotAllowed, OSError when the name cannot be resolved.

    `resolving`: threads of its own. A name server that a station chose may be slow, and whatever else the process does
    in threads must not wait for it.
    """
    scheme, host, port, path = _parsed(url)
    resolve = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(resolving, resolve)
    for *_, (text, *_rest) in found:
        address = ip_address(str(text).partition("%")[0])
        if is_allowed(address, allowed) and (port in _PORTS.values() or _is_named(address, allowed)):
            return Target(scheme, host, address, port, path)
    raise NotAllowed("the responder's address is not one that may be asked")


def _is_named(address: Address, allowed: Sequence[Network]) -> bool:
    return any(_meant(address) in network for network in allowed)


def _parsed(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError as error:
        raise NotAllowed("the responder's URL cannot be read") from error
    if scheme not in _PORTS:
        raise NotAllowed("the responder's URL is neither http nor https")
    if not host or parts.username is not None or not url.isprintable() or not url.isascii() or " " in url:
        raise NotAllowed("the responder's URL cannot be read")
    query = f"?{parts.query}" if parts.query else ""
    return scheme, host, port or _PORTS[scheme], f"{parts.path or '/'}{query}"


def _meant(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one that leads there."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address
