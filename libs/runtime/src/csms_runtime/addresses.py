"""IP addresses, as far as one caller is told from another by them."""

from ipaddress import IPv6Address, ip_address, ip_network


def subscriber(address: str) -> str:
    """Return the address, or of an IPv6 address the network that one subscriber has to himself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
