"""The networks of a client, which can typically send from many addresses of its network."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

UNKNOWN = "unknown"
"""The network of a client without an IP address."""

IPV6_LENGTHS = (64, 56, 48)
"""Prefix lengths that providers delegate: one link, a household, a site (RFC 6177)."""


def network_of(address: str) -> str:
    """Return what one client typically controls: an IPv4 address, or an IPv6 /64 network."""
    return networks_of(address)[0]


@lru_cache(4096)  # limits ask for the networks of an address again with each request
def networks_of(address: str, ipv4: tuple[int, ...] = (32,)) -> tuple[str, ...]:
    """Return the networks of an address, the narrowest first.

    :param ipv4: the prefix lengths of IPv4 networks, the longest first.
    """
    parsed = _parse(address)
    if parsed is None:
        return (UNKNOWN,)
    lengths = IPV6_LENGTHS if isinstance(parsed, IPv6Address) else ipv4
    return tuple(_network(parsed, length) for length in lengths)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped or IPv6Address(int(parsed))  # without a zone
    return parsed


def _network(address: IPv4Address | IPv6Address, length: int) -> str:
    if length == address.max_prefixlen:
        return str(address)
    return str(ip_network((address, length), strict=False))
