"""Which network an address stands for, where tries are counted; and which is this computer."""

import ipaddress


def network_of(address: str) -> str:
    """Who has an IPv6 address has 2^64 of them; who has an IPv4 one has that, also at a socket that takes both."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    # At such a socket every IPv4 address lies in one /64: the tries of anybody would be everybody's.
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this computer's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
