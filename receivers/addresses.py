"""Which addresses may be posted to: no client may name a host that only this machine reaches."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from domain.webhooks import may_be_loopback

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an address of IPv4."""


def is_allowed(address: Address, host: str, networks: Sequence[Network]) -> bool:
    """Tell whether a post to `host` may go to an address it resolved to.

    Public ones may, those of `networks`, and loopback where the host says that it is this machine.
    """
    if any(address in network for network in networks):
        return True
    if address.is_loopback:
        return may_be_loopback(host)
    inner = _inner(address)
    if inner is not None and not is_allowed(inner, "", networks):
        return False
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> IPv4Address | None:
    """Return the address of IPv4 that one of IPv6 leads to, None where it is one of its own."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def literal_of(host: str) -> Address | None:
    """Return the address that a host is, None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
