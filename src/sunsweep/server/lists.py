"""Lists as people write them into an environment: parted by commas or spaces."""

import ipaddress
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError


def listed(given: object) -> object:
    """One string to its parts; what is a list already stays one."""
    return tuple(given.replace(",", " ").split()) if isinstance(given, str) else given


def origins(given: object) -> object:
    """Exact origins of web pages: a scheme, a host, perhaps a port. No `*`: who may call is named."""
    found = listed(given)
    if isinstance(found, tuple | list):
        for one in map(str, found):
            parts = urlsplit(one)
            if parts.scheme not in {"http", "https"} or not parts.hostname or one != f"{parts.scheme}://{parts.netloc}":
                words = "{origin} is no origin, such as https://panel.example"
                raise PydanticCustomError("origin", words, {"origin": one})
    return found


def networks(given: object) -> object:
    """Addresses and networks."""
    found = listed(given)
    if isinstance(found, tuple | list):
        for one in map(str, found):
            try:
                ipaddress.ip_network(one)
            except ValueError as error:
                words = "{network} is no address and no network, such as 10.0.0.0/8"
                raise PydanticCustomError("network", words, {"network": one}) from error
    return found
