"""Where webhooks may go: not into the network that the CSMS stands in, unless a setting allows it (SSRF).

The name is resolved here, each address is checked, and the connection goes to the address that was checked: a name that
resolves otherwise the next time changes nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import httpx2

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host. Raises OSError."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


class Refused(Exception):  # noqa: N818 says what is the case
    """A webhook may not go there; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class TargetRules:
    """The operator's settings."""

    http_allowed: bool = False
    """Whether without TLS, too."""
    networks_allowed: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()
    """Networks that are not public and may be reached all the same."""


class Target(NamedTuple):
    """A URL whose host was looked up."""

    url: httpx2.URL
    """With the address in place of the host."""
    host: str
    """What the request says in Host."""
    server_name: str
    """What the certificate must name."""


def check(url: str, rules: TargetRules) -> httpx2.URL:
    """Return a URL that may be a webhook's, as far as it can be told without looking its host up. Raises Refused."""
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as error:
        raise Refused("this is no URL") from error
    if parsed.scheme not in _PORTS or not parsed.host:
        raise Refused("it must be an https URL")
    if parsed.scheme == "http" and not rules.http_allowed:
        raise Refused("it must be https; CSMS_WEBHOOK_HTTP_ALLOWED allows http")
    if parsed.userinfo:
        raise Refused("it must name no user and no password")
    if parsed.fragment:
        raise Refused("it must have no fragment")
    address = _address(parsed.host)
    if address is not None:
        _check_address(address, rules)
    return parsed


async def look_up(url: str, rules: TargetRules, resolve: Resolve) -> Target:
    """Look a webhook's host up. Raises Refused when any of its addresses may not be reached, OSError."""
    parsed = check(url, rules)
    port = parsed.port or _PORTS[parsed.scheme]
    found = await resolve(parsed.host, port)
    addresses = [address for text in found if (address := _address(text)) is not None]
    if not addresses:
        raise OSError("the host has no address")
    for address in addresses:
        _check_address(address, rules)
    host = parsed.netloc.decode("ascii")
    return Target(parsed.copy_with(host=str(addresses[0])), host, parsed.raw_host.decode("ascii").strip("[]"))


class SystemResolver:
    """Asks the system's resolver, in threads of its own: one that hangs holds up nobody else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="webhook-names")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host. Raises OSError."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def close(self) -> None:
        """Wait for nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _check_address(address: Address, rules: TargetRules) -> None:
    reached = _embedded(address)
    if any(reached in network for network in rules.networks_allowed if network.version == reached.version):
        return
    if not reached.is_global or reached.is_multicast or reached.is_reserved:
        raise Refused(f"{reached} is no public address; CSMS_WEBHOOK_NETWORKS_ALLOWED allows others")


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
