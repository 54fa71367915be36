"""Which network an address stands for, where tries are counted."""

import ipaddress


def network_of(address: str) -> str:
    """Who has an IPv6 address has 2^64 of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
